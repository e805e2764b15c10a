// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_revision.hpp"

#include <string>

#include "stages/disk_bytes.hpp"
#include "stages/iso_volume.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kBlock = 2048;
constexpr std::uint64_t kFirstDescriptor = 16;
constexpr std::size_t kRootRecord = 156;  // In a volume descriptor.
// Where volumes begin: the one of the CD, and the one of the partition, which counts from there.
constexpr std::uint64_t kVolumes[] = {0, kIsoPartitionBlock};
constexpr std::uint64_t kMostBytes = 1 << 20;  // Of a root folder, or of a cloud-config.

/// Where an entry of a folder is, and what it says.
struct FileRecord {
  std::uint64_t at = 0;  ///< Of the record, in bytes.
  std::uint64_t block = 0;
  std::uint64_t bytes = 0;
};

std::uint64_t blocks_of(std::uint64_t bytes) { return (bytes + kBlock - 1) / kBlock; }

/// The entry called `name` in the root folder of the volume that begins at block `base` and that
/// `descriptor` describes.
std::optional<FileRecord> find_in_root(const DiskBytes& iso, std::uint64_t base,
                                       std::string_view descriptor, std::string_view name) {
  const auto begin = (base + little_endian(descriptor, kRootRecord + 2, 4)) * kBlock;
  const auto bytes = little_endian(descriptor, kRootRecord + 10, 4);
  if (bytes > kMostBytes) return std::nullopt;
  const auto folder = iso.read(begin, bytes);
  for (std::size_t at = 0; at < folder.size();) {
    const auto length = little_endian(folder, at, 1);
    if (length == 0) {  // No entry reaches into another block.
      at = (at / kBlock + 1) * kBlock;
      continue;
    }
    if (folder.substr(at + 33, little_endian(folder, at + 32, 1)) == name) {
      return FileRecord{.at = begin + at,
                        .block = base + little_endian(folder, at + 2, 4),
                        .bytes = little_endian(folder, at + 10, 4)};
    }
    at += length;
  }
  return std::nullopt;
}

std::string big_endian_utf16(std::string_view ascii) {
  std::string wide;
  for (const char character : ascii) wide += {'\0', character};
  return wide;
}

/// Adds the entries of /config.yaml, one for each descriptor of the volume at `base`; false where
/// one has none.
bool find_config(const DiskBytes& iso, std::uint64_t base, std::vector<FileRecord>& records) {
  for (auto block = base + kFirstDescriptor;; ++block) {
    const auto descriptor = iso.read(block * kBlock, kBlock);
    iso.require(descriptor.substr(1, 5) == "CD001", "its volume descriptors have no end");
    const auto kind = little_endian(descriptor, 0, 1);
    if (kind == 255) return true;
    if (kind != 1 && kind != 2) continue;
    auto record = find_in_root(iso, base, descriptor,
                               kind == 1 ? "CONFIG.YAML;1" : big_endian_utf16("config.yaml;1"));
    if (!record && kind == 2) {
      record = find_in_root(iso, base, descriptor, big_endian_utf16("config.yaml"));
    }
    if (!record) return false;
    records.push_back(*record);
  }
}

/// Both-endian, as sizes are in a folder. Source: ECMA-119, 7.3.3.
std::string both_endian(std::uint64_t value) {
  std::string bytes;
  for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
  for (unsigned i = 4; i-- > 0;) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

}  // namespace

std::optional<std::vector<FileChange>> changes_for_config(const std::filesystem::path& iso,
                                                          const oci::Digest& before,
                                                          std::string_view cloud_config) {
  const DiskBytes last(iso);
  if (cloud_config.empty() || cloud_config.size() > kMostBytes) return std::nullopt;
  std::vector<FileRecord> records;
  for (const auto base : kVolumes) {
    if (!find_config(last, base, records)) return std::nullopt;
  }
  const auto& first = records.front();
  const bool fits = blocks_of(first.bytes) == blocks_of(cloud_config.size());
  if (!fits || oci::Digest::of(last.read(first.block * kBlock, first.bytes)) != before) {
    return std::nullopt;
  }
  std::vector<FileChange> changes;
  for (const auto& record : records) {
    if (record.block != first.block || record.bytes != first.bytes) return std::nullopt;
    changes.push_back({.at = record.at + 10, .bytes = both_endian(cloud_config.size())});
  }
  auto blocks = std::string(cloud_config);
  blocks.resize(blocks_of(blocks.size()) * kBlock, '\0');
  changes.push_back({.at = first.block * kBlock, .bytes = std::move(blocks)});
  return changes;
}

}  // namespace stages
