// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace base {
namespace {

FileDescriptor open_or_throw(const std::filesystem::path& path, int flags, unsigned mode,
                             std::string_view doing) {
  FileDescriptor fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) throw_system_error(errno, fmt::format("cannot {} {}", doing, path.string()));
  return fd;
}

bool lock(int fd, int operation, const std::filesystem::path& path) {
  while (::flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_system_error(errno, fmt::format("cannot lock {}", path.string()));
  }
  return true;
}

}  // namespace

std::string read_all(int fd, std::size_t limit, std::string_view name) {
  std::string content;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_system_error(errno, fmt::format("cannot read {}", name));
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > limit) {
      throw Error({.code = ErrorCode::kIo,
                   .what = fmt::format("cannot read {}", name),
                   .why = fmt::format("it is larger than the limit of {} bytes", limit),
                   .hint = ""});
    }
  }
}

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  return read_all(open_for_reading(path).get(), limit, path.string());
}

std::optional<std::string> read_file_if_exists(const std::filesystem::path& path,
                                               std::size_t limit) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!fd) throw_system_error(errno, fmt::format("cannot open {}", path.string()));
  return read_all(fd.get(), limit, path.string());
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content,
                           unsigned mode) {
  std::string partial = path.string() + ".XXXXXX";
  FileDescriptor fd(::mkostemp(partial.data(), O_CLOEXEC));
  if (!fd) throw_system_error(errno, fmt::format("cannot make a file beside {}", path.string()));
  try {
    write_all(fd.get(), std::as_bytes(std::span(content)), partial);
    if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
      throw_system_error(errno, fmt::format("cannot write {}", partial));
    }
    if (::rename(partial.c_str(), path.c_str()) != 0) {
      throw_system_error(errno, fmt::format("cannot move {} into place", path.string()));
    }
  } catch (...) {
    ::unlink(partial.c_str());
    throw;
  }
  sync_path(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  return open_or_throw(path, O_RDONLY, 0, "open");
}

void write_all(int fd, std::span<const std::byte> data, std::string_view name) {
  while (!data.empty()) {
    const auto count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_system_error(errno, fmt::format("cannot write {}", name));
    data = data.subspan(static_cast<std::size_t>(count));
  }
}

void write_all_at(int fd, std::uint64_t offset, std::string_view data, std::string_view name) {
  while (!data.empty()) {
    const auto count = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_system_error(errno, fmt::format("cannot write {}", name));
    offset += static_cast<std::uint64_t>(count);
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

void allow_many_open_files() noexcept {
  constexpr rlim_t kEnough = 65536;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

void sync_path(const std::filesystem::path& path) {
  const auto fd = open_for_reading(path);
  if (::fsync(fd.get()) != 0)
    throw_system_error(errno, fmt::format("cannot sync {}", path.string()));
}

void make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw_system_error(error.value(), fmt::format("cannot make folder {}", path.string()));
}

FileLock FileLock::acquire(const std::filesystem::path& path, bool shared) {
  auto fd = open_or_throw(path, O_RDWR | O_CREAT, 0644, "open the lock");
  lock(fd.get(), shared ? LOCK_SH : LOCK_EX, path);
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path, bool shared) {
  auto fd = open_or_throw(path, O_RDWR | O_CREAT, 0644, "open the lock");
  if (!lock(fd.get(), (shared ? LOCK_SH : LOCK_EX) | LOCK_NB, path)) return std::nullopt;
  return FileLock(std::move(fd));
}

}  // namespace base
