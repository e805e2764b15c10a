// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace stages {

/// Reads pieces of a disk image to check it. Whatever is not as it must be is an Error
/// kArtifactTool that names the file.
class DiskBytes {
 public:
  /// Throws base::Error kIo when the file cannot be opened.
  explicit DiskBytes(std::filesystem::path file);
  /// Only the first `bytes` bytes of it, as a disk that something follows.
  DiskBytes(std::filesystem::path file, std::uint64_t bytes);

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }

  /// Throws when the file ends before.
  [[nodiscard]] std::string read(std::uint64_t offset, std::size_t bytes) const;

  /// Throws Error kArtifactTool with `problem` as the reason.
  [[noreturn]] void fail(std::string problem) const;
  void require(bool right, std::string_view problem) const;

 private:
  std::filesystem::path file_;
  base::FileDescriptor fd_;
  std::uint64_t size_ = 0;
};

/// Number of 1, 2, 4 or 8 bytes; 0 past the end.
std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width);
std::uint64_t big_endian(std::string_view bytes, std::size_t offset, std::size_t width);

/// The number as bytes, the least one first.
std::string little_endian_bytes(std::uint64_t value, std::size_t width);

/// CRC-32 as GPT, gzip and Ethernet have it (polynomial 0xEDB88320, reflected).
std::uint32_t crc32(std::string_view bytes);

}  // namespace stages
