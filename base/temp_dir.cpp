// SPDX-License-Identifier: Apache-2.0
#include "base/temp_dir.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace base {
namespace {

[[noreturn]] void fail_removal(const std::filesystem::path& path) {
  throw_system_error(errno, fmt::format("cannot remove {}", path.string()));
}

void remove_below(int parent, const char* name, dev_t device, const std::filesystem::path& path) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM && errno != EACCES) fail_removal(path);
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::openat(parent, name, kFlags);
  if (fd < 0 && errno == EACCES && ::fchmodat(parent, name, 0700, 0) == 0) {
    fd = ::openat(parent, name, kFlags);
  }
  if (fd < 0) fail_removal(path);
  const Handle<DIR, &::closedir> directory(::fdopendir(fd));  // One descriptor for each level.
  if (!directory) {
    ::close(fd);
    fail_removal(path);
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_dev != device) {
    errno = EXDEV;
    fail_removal(path);
  }
  if ((status.st_mode & 0700) != 0700) static_cast<void>(::fchmod(fd, 0700));
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view child = entry->d_name;
    if (child == "." || child == "..") continue;
    remove_below(fd, entry->d_name, device, path / child);
  }
  if (::unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT) fail_removal(path);
}

}  // namespace

TempDir::TempDir(const std::filesystem::path& parent, std::string_view prefix) {
  std::string name = (parent / prefix).string() + ".XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    throw_system_error(errno, fmt::format("cannot make a temporary folder in {}", parent.string()));
  }
  path_ = name;
}

TempDir::TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TempDir& TempDir::operator=(TempDir&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  try {
    remove_tree(path_);
  } catch (const Error&) {
    // What stays is swept by the next start of the store; a destructor has nobody to tell.
    return;
  }
}

std::filesystem::path temp_root() {
  const char* value = std::getenv("TMPDIR");
  return value != nullptr && *value != '\0' ? value : "/var/tmp";
}

void remove_tree(const std::filesystem::path& path) {
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const FileDescriptor fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstatat(fd.get(), path.filename().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    fail_removal(path);
  }
  remove_below(fd.get(), path.filename().c_str(), status.st_dev, path);
}

}  // namespace base
