// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "oci/byte_source.hpp"

namespace oci {

/// What a tar entry makes.
enum class EntryType {
  kFile,
  kDirectory,
  kSymlink,
  kHardlink,
  kCharDevice,
  kBlockDevice,
  kFifo,
  kSocket
};

/// One entry as stored: names are bytes, and untrusted.
struct TarEntry {
  EntryType type = EntryType::kFile;
  std::string path;
  std::string link_target;  ///< Of a symlink, or the path of a hardlink's first name.
  std::uint32_t mode = 0;   ///< Permissions with set-id and sticky bits, without the type.
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t mtime_seconds = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::uint64_t bytes = 0;  ///< Logical size of a file's contents, holes included.
  std::uint64_t device_major = 0;
  std::uint64_t device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;  ///< Values are binary.
};

/// A piece of a file's contents; what no piece covers is a hole.
struct TarBlock {
  std::span<const std::byte> data;  ///< Good until the next call.
  std::uint64_t offset = 0;
};

/// Reads a tar (ustar, pax, GNU; libarchive, its filters off) in stored order.
class TarReader {
 public:
  /// `tar` must outlive this; `name` is for messages ("layer 2 (sha256:...)").
  TarReader(ByteSource& tar, std::string name);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  TarReader(TarReader&&) = delete;
  TarReader& operator=(TarReader&&) = delete;

  /// The next entry, or nullopt at the end. Throws base::Error kIntegrity: not a tar, damaged, cut
  /// off inside an entry, an extended header above 1 MiB, headers and sparse map together above
  /// 8 MiB, a type flag that is not known. What the source throws passes through.
  std::optional<TarEntry> next();
  /// The next piece of the current file, or nullopt at its end.
  std::optional<TarBlock> next_block();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace oci
