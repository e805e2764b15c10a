// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tests {

/// What a header says; nothing is checked, so that hostile archives can be made.
struct ZooEntry {
  std::string name;
  char type = '0';
  std::string content = {};
  std::string link = {};
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t mtime = 1'000'000'000;  ///< Seconds.
  std::uint64_t device_major = 0;
  std::uint64_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> pax = {};  ///< Records before the entry.
  std::uint64_t claimed_size = UINT64_MAX;                    ///< Instead of the content's.
};

inline ZooEntry file(std::string name, std::string content = "new") {
  return {.name = std::move(name), .content = std::move(content)};
}
inline ZooEntry folder(std::string name) {
  return {.name = std::move(name), .type = '5', .mode = 0755};
}
inline ZooEntry soft_link(std::string name, std::string target) {
  return {.name = std::move(name), .type = '2', .link = std::move(target), .mode = 0777};
}
inline ZooEntry hardlink(std::string name, std::string target) {
  return {.name = std::move(name), .type = '1', .link = std::move(target)};
}
inline ZooEntry device(std::string name, std::uint64_t major, std::uint64_t minor) {
  return {.name = std::move(name), .type = '3', .device_major = major, .device_minor = minor};
}

/// One ustar header of 512 bytes, with a right checksum.
std::string zoo_header(const ZooEntry& entry);
/// A pax extended header (`type` x or g) holding the records, padded.
std::string zoo_pax(const std::vector<std::pair<std::string, std::string>>& records,
                    char type = 'x');
/// The entry: pax records if any, header, content, padding. Names above 100 bytes become a record.
std::string zoo_entry(const ZooEntry& entry);
/// All of it, ended by two zero blocks.
std::string zoo_tar(const std::vector<ZooEntry>& entries);

}  // namespace tests
