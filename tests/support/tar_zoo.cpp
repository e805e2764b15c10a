// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tar_zoo.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tests {
namespace {

constexpr std::size_t kRecord = 512;

void put(std::string& header, std::size_t at, std::size_t room, std::string_view text) {
  std::copy_n(text.begin(), std::min(room, text.size()),
              header.begin() + static_cast<std::ptrdiff_t>(at));
}

void put_octal(std::string& header, std::size_t at, std::size_t digits, std::uint64_t value) {
  put(header, at, digits, fmt::format("{:0{}o}", value, digits));
}

std::string padded(std::string text) {
  text.resize((text.size() + kRecord - 1) / kRecord * kRecord);
  return text;
}

/// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(const std::string& key, const std::string& value) {
  std::size_t length = key.size() + value.size() + 3;
  length += std::to_string(length + std::to_string(length).size()).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

}  // namespace

std::string zoo_header(const ZooEntry& entry) {
  std::string header(kRecord, '\0');
  const bool has_size = entry.claimed_size != UINT64_MAX;
  put(header, 0, 100, entry.name);
  put_octal(header, 100, 7, entry.mode);
  put_octal(header, 108, 7, entry.uid);
  put_octal(header, 116, 7, entry.gid);
  put_octal(header, 124, 11, has_size ? entry.claimed_size : entry.content.size());
  put_octal(header, 136, 11, entry.mtime);
  header[156] = entry.type;
  put(header, 157, 100, entry.link);
  put(header, 257, 8, std::string_view("ustar\00000", 8));
  put_octal(header, 329, 7, entry.device_major);
  put_octal(header, 337, 7, entry.device_minor);
  put(header, 148, 8, "        ");
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put(header, 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header;
}

std::string zoo_pax(const std::vector<std::pair<std::string, std::string>>& records, char type) {
  std::string body;
  for (const auto& [key, value] : records) body += pax_record(key, value);
  ZooEntry entry{.name = "PaxHeaders/x", .type = type};
  entry.content = body;
  return zoo_header(entry) + padded(body);
}

std::string zoo_entry(const ZooEntry& entry) {
  auto records = entry.pax;
  if (entry.name.size() > 100) records.emplace_back("path", entry.name);
  if (entry.link.size() > 100) records.emplace_back("linkpath", entry.link);
  return (records.empty() ? "" : zoo_pax(records)) + zoo_header(entry) + padded(entry.content);
}

std::string zoo_tar(const std::vector<ZooEntry>& entries) {
  std::string tar;
  for (const auto& entry : entries) tar += zoo_entry(entry);
  return tar + std::string(2 * kRecord, '\0');
}

}  // namespace tests
