// SPDX-License-Identifier: Apache-2.0
#include "stages/disk_bytes.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.hpp"

namespace stages {

DiskBytes::DiskBytes(std::filesystem::path file)
    : file_(std::move(file)),
      fd_(base::open_for_reading(file_)),
      size_(std::filesystem::file_size(file_)) {}

DiskBytes::DiskBytes(std::filesystem::path file, std::uint64_t bytes) : DiskBytes(std::move(file)) {
  size_ = std::min(size_, bytes);
}

std::string DiskBytes::read(std::uint64_t offset, std::size_t bytes) const {
  std::string content(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const auto count = ::pread(fd_.get(), content.data() + filled, bytes - filled,
                               static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", file_.string()));
    if (count == 0) fail(fmt::format("it ends before byte {}", offset + bytes));
    filled += static_cast<std::size_t>(count);
  }
  return content;
}

void DiskBytes::fail(std::string problem) const {
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("{} is not right", file_.string()),
                     .why = std::move(problem),
                     .hint = ""});
}

void DiskBytes::require(bool right, std::string_view problem) const {
  if (!right) fail(std::string(problem));
}

std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  if (offset + width > bytes.size()) return 0;
  std::uint64_t value = 0;
  for (std::size_t index = width; index > 0; --index) {
    value = value << 8U | static_cast<unsigned char>(bytes[offset + index - 1]);
  }
  return value;
}

std::uint64_t big_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  if (offset + width > bytes.size()) return 0;
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(offset, width)) {
    value = value << 8U | static_cast<unsigned char>(byte);
  }
  return value;
}

std::string little_endian_bytes(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t index = 0; index < width; ++index) {
    bytes += static_cast<char>(value >> (8 * index) & 0xffU);
  }
  return bytes;
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const char character : bytes) {
    crc ^= static_cast<unsigned char>(character);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

}  // namespace stages
