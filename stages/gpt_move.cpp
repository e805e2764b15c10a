// SPDX-License-Identifier: Apache-2.0
#include "stages/gpt_move.hpp"

#include <algorithm>
#include <limits>

#include "stages/gpt_check.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kSector = 512;

void set_number(std::string& sector, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t index = 0; index < width; ++index) {
    sector[at + index] = static_cast<char>(value >> (8 * index) & 0xffU);
  }
}

/// The header with a new place, both of itself and of the other one, and a new checksum.
/// Source: UEFI 2.10, table 5.5.
std::string header_at(std::string header, std::uint64_t here, std::uint64_t other,
                      std::uint64_t entries, std::uint64_t last_usable) {
  set_number(header, 24, here, 8);
  set_number(header, 32, other, 8);
  set_number(header, 48, last_usable, 8);
  set_number(header, 72, entries, 8);
  set_number(header, 16, 0, 4);
  set_number(header, 16, crc32(header.substr(0, little_endian(header, 12, 4))), 4);
  return header;
}

}  // namespace

std::vector<BytesAt> gpt_for_size(const DiskBytes& disk, std::uint64_t bytes) {
  check_gpt(disk);
  if (bytes == disk.size()) return {};
  auto mbr = disk.read(0, kSector);
  const auto header = disk.read(kSector, kSector);
  const auto entries_at = little_endian(header, 72, 8);
  const auto entries_bytes = little_endian(header, 80, 4) * little_endian(header, 84, 4);
  const auto entry_sectors = (entries_bytes + kSector - 1) / kSector;
  const auto last = bytes / kSector - 1;
  const auto old_table = (disk.size() / kSector - 1 - entry_sectors) * kSector;
  // The size of the protective partition, as far as 32 bits can say it.
  set_number(mbr, 446 + 12,
             std::min<std::uint64_t>(last, std::numeric_limits<std::uint32_t>::max()), 4);
  const auto last_usable = last - entry_sectors - 1;
  return {{.offset = 0, .bytes = std::move(mbr)},
          {.offset = kSector, .bytes = header_at(header, 1, last, entries_at, last_usable)},
          {.offset = old_table, .bytes = std::string(disk.size() - old_table, '\0')},
          {.offset = (last - entry_sectors) * kSector,
           .bytes = disk.read(entries_at * kSector, entry_sectors * kSector)},
          {.offset = last * kSector,
           .bytes = header_at(header, last, 1, last - entry_sectors, last_usable)}};
}

}  // namespace stages
