// SPDX-License-Identifier: Apache-2.0
#include "stages/gpt_check.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stages {
namespace {

constexpr std::uint64_t kSector = 512;
constexpr std::size_t kMostEntryBytes = 1U << 20;

struct Header {
  std::uint64_t alternate = 0;
  std::uint64_t entries_at = 0;
  std::uint64_t entry_count = 0;
  std::uint64_t entry_bytes = 0;
  std::uint64_t entries_crc = 0;
  std::string guid;
};

void check_protective_mbr(const DiskBytes& disk) {
  const auto sector = disk.read(0, kSector);
  disk.require(little_endian(sector, 510, 2) == 0xaa55, "it has no MBR signature");
  bool protective = false;
  for (std::size_t entry = 446; entry < 510; entry += 16) {
    protective = protective || little_endian(sector, entry + 4, 1) == 0xee;
  }
  disk.require(protective, "its MBR has no protective partition");
}

Header read_header(const DiskBytes& disk, std::uint64_t lba, std::string_view which) {
  const auto sector = disk.read(lba * kSector, kSector);
  disk.require(sector.starts_with("EFI PART"), fmt::format("it has no {} GPT header", which));
  const auto length = little_endian(sector, 12, 4);
  disk.require(length >= 92 && length <= kSector,
               fmt::format("its {} GPT header has a wrong length", which));
  auto summed = sector.substr(0, length);
  std::fill_n(summed.begin() + 16, 4, '\0');
  disk.require(crc32(summed) == little_endian(sector, 16, 4),
               fmt::format("its {} GPT header has a wrong checksum", which));
  disk.require(little_endian(sector, 24, 8) == lba,
               fmt::format("its {} GPT header does not know where it is", which));
  return {.alternate = little_endian(sector, 32, 8),
          .entries_at = little_endian(sector, 72, 8),
          .entry_count = little_endian(sector, 80, 4),
          .entry_bytes = little_endian(sector, 84, 4),
          .entries_crc = little_endian(sector, 88, 4),
          .guid = sector.substr(56, 16)};
}

std::string read_entries(const DiskBytes& disk, const Header& header, std::string_view which) {
  const auto bytes = header.entry_count * header.entry_bytes;
  disk.require(header.entry_bytes >= 128 && bytes <= kMostEntryBytes,
               fmt::format("its {} GPT has a wrong number of entries", which));
  auto entries = disk.read(header.entries_at * kSector, bytes);
  disk.require(crc32(entries) == header.entries_crc,
               fmt::format("its {} GPT entries have a wrong checksum", which));
  return entries;
}

/// UTF-16, ended by a zero or the field.
std::string name_in(std::string_view field) {
  std::string name;
  for (std::size_t at = 0; at + 2 <= field.size(); at += 2) {
    const auto unit = little_endian(field, at, 2);
    if (unit == 0) break;
    name += unit >= 0x20 && unit < 0x7f ? static_cast<char>(unit) : '?';
  }
  return name;
}

std::vector<GptPartition> partitions_of(const DiskBytes& disk, const std::string& entries,
                                        std::size_t entry_bytes) {
  std::vector<GptPartition> partitions;
  for (std::size_t at = 0; at + entry_bytes <= entries.size(); at += entry_bytes) {
    const auto type = entries.substr(at, 16);
    if (type == std::string(16, '\0')) continue;
    const auto first = little_endian(entries, at + 32, 8);
    const auto last = little_endian(entries, at + 40, 8);
    disk.require(first <= last && last < disk.size() / kSector,
                 fmt::format("partition {} lies outside of it", partitions.size() + 1));
    partitions.push_back({.type = type,
                          .guid = entries.substr(at + 16, 16),
                          .name = name_in(std::string_view(entries).substr(at + 56, 72)),
                          .attributes = little_endian(entries, at + 48, 8),
                          .offset = first * kSector,
                          .bytes = (last - first + 1) * kSector});
  }
  return partitions;
}

}  // namespace

std::string guid_text(std::string_view guid) {
  // The first three fields are little-endian numbers.
  std::string text = fmt::format("{:08x}-{:04x}-{:04x}-", little_endian(guid, 0, 4),
                                 little_endian(guid, 4, 2), little_endian(guid, 6, 2));
  for (std::size_t at = 8; at < 16; ++at) {
    text += fmt::format("{:02x}", little_endian(guid, at, 1));
    if (at == 9) text += '-';
  }
  return text;
}

std::vector<GptPartition> check_gpt(const DiskBytes& disk) {
  disk.require(disk.size() % kSector == 0 && disk.size() >= 4 * kSector,
               "its size is not that of a disk");
  check_protective_mbr(disk);
  const auto last = disk.size() / kSector - 1;
  const auto primary = read_header(disk, 1, "primary");
  disk.require(primary.alternate == last, "its backup GPT is not in the last sector");
  const auto backup = read_header(disk, last, "backup");
  disk.require(backup.alternate == 1 && backup.guid == primary.guid,
               "its two GPT headers are not of one disk");
  const auto entries = read_entries(disk, primary, "primary");
  disk.require(entries == read_entries(disk, backup, "backup"), "its two GPTs differ");
  return partitions_of(disk, entries, primary.entry_bytes);
}

}  // namespace stages
