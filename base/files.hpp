// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/handle.hpp"

namespace base {

/// The whole file. Throws Error kIo when it cannot be read or holds more than `limit` bytes.
std::string read_file(const std::filesystem::path& path, std::size_t limit);

/// As read_file, but nullopt when there is no such file (ENOENT, ENOTDIR).
std::optional<std::string> read_file_if_exists(const std::filesystem::path& path,
                                               std::size_t limit);

/// Reads `fd` to its end; `name` is for messages.
std::string read_all(int fd, std::size_t limit, std::string_view name);

/// Writes `path` so that it either holds `content` whole, on disk, or is as it was: a temporary
/// file beside it, fsync, rename, fsync of the folder. Throws Error kIo or kNoSpace.
void write_file_atomically(const std::filesystem::path& path, std::string_view content,
                           unsigned mode = 0644);

/// Opens for reading with O_CLOEXEC. Throws Error kIo.
FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Writes all of `data` to `fd` (EINTR and short writes handled). Throws Error; `name` is for
/// messages.
void write_all(int fd, std::span<const std::byte> data, std::string_view name);
/// The same at `offset`, leaving the descriptor's position as it is.
void write_all_at(int fd, std::uint64_t offset, std::string_view data, std::string_view name);

/// Lets this process open as many files as it may, for trees whose folders are nested thousands
/// deep: the usual limit of 1024 is there for programs that select(). Source: getrlimit(2).
void allow_many_open_files() noexcept;

/// fsync of a file or folder. Throws Error kIo.
void sync_path(const std::filesystem::path& path);

/// Makes a folder and its parents. Throws Error kIo.
void make_directories(const std::filesystem::path& path);

/// An advisory lock on a file (flock), released when it dies, also by SIGKILL.
class FileLock {
 public:
  /// Waits for the lock. `shared` locks do not exclude each other. Throws Error kIo.
  static FileLock acquire(const std::filesystem::path& path, bool shared = false);
  /// nullopt when somebody else holds it.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path,
                                             bool shared = false);

 private:
  explicit FileLock(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace base
