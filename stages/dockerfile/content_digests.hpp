// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <tuple>

#include "oci/digest.hpp"

namespace stages::dockerfile {

/// The digests of files, remembered by what changes with the file (device, inode, size, ctime,
/// mtime), so that an unchanged build context is not read again. Thread-safe.
class ContentDigests {
 public:
  /// Remembers for this object's life alone.
  ContentDigests() = default;
  /// Starts with what save() wrote to `file`; one that is missing, or not ours, is an empty one.
  explicit ContentDigests(std::filesystem::path file);

  /// sha256 of the open regular file `fd`, which is read from its start where its digest is not
  /// known. `name` is for messages. Throws base::Error kIo, kInterrupted.
  oci::Digest digest_of(int fd, const struct stat& status, const std::string& name,
                        const std::stop_token& stop);

  /// Writes what was asked for in this object's life, and of the rest what fits. Throws base::Error
  /// kIo or kNoSpace.
  void save() const;

  /// Files read so far.
  [[nodiscard]] std::uint64_t files_read() const;

 private:
  using Key = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t>;
  struct Known {
    std::string hex;
    bool used = false;
  };
  static Key key_of(const struct stat& status);

  std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::map<Key, Known> known_;
  std::uint64_t files_read_ = 0;
};

}  // namespace stages::dockerfile
