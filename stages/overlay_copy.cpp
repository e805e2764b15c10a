// SPDX-License-Identifier: Apache-2.0
#include "stages/overlay_copy.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/tree_writer.hpp"

namespace stages {
namespace {

using std::filesystem::path;

constexpr std::size_t kMostXattrBytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX.

[[noreturn]] void fail(std::string_view doing, const path& where) {
  base::throw_system_error(errno, fmt::format("cannot {} {}", doing, where.string()));
}

/// Without privilege some things cannot be kept; with it every failure counts.
bool may_be_refused() { return (errno == EPERM || errno == ENOTSUP) && ::geteuid() != 0; }

void copy_xattrs(const path& source, const std::string& target) {
  std::string names(kMostXattrBytes, '\0');
  const auto length = ::llistxattr(source.c_str(), names.data(), names.size());
  if (length < 0 && errno == ENOTSUP) return;
  if (length < 0) fail("list the xattrs of", source);
  std::string value(kMostXattrBytes, '\0');
  for (std::size_t at = 0; at < static_cast<std::size_t>(length);) {
    const char* name = names.c_str() + at;
    at += std::string_view(name).size() + 1;
    if (std::string_view(name).starts_with("trusted.overlay.")) continue;
    const auto size = ::lgetxattr(source.c_str(), name, value.data(), value.size());
    if (size < 0) fail(fmt::format("read xattr {} of", name), source);
    if (::lsetxattr(target.c_str(), name, value.data(), static_cast<std::size_t>(size), 0) != 0 &&
        !may_be_refused()) {
      fail(fmt::format("set xattr {} for", name), source);
    }
  }
}

/// Owner before mode and capabilities: a change of owner takes both away.
void copy_metadata(const path& source, const struct stat& status, const std::string& target) {
  if (::lchown(target.c_str(), status.st_uid, status.st_gid) != 0 && !may_be_refused()) {
    fail("set the owner for", source);
  }
  if (!S_ISLNK(status.st_mode) && ::chmod(target.c_str(), status.st_mode & 07777) != 0) {
    fail("set the mode for", source);
  }
  copy_xattrs(source, target);
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (::utimensat(AT_FDCWD, target.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    fail("set the date for", source);
  }
}

void copy_bytes(const path& source, const KeptFolder& folder) {
  const base::FileDescriptor from(::open(source.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const base::FileDescriptor to(::openat(
      folder.fd(), kUnfinishedName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!from || !to) fail("copy", source);
  std::vector<std::byte> buffer(1U << 20);
  while (true) {
    const auto count = ::read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", source);
    if (count == 0) return;
    base::write_all(to.get(), std::span(buffer).first(static_cast<std::size_t>(count)),
                    source.string());
  }
}

void make_unfinished(const path& source, const struct stat& status, const KeptFolder& folder) {
  ::unlinkat(folder.fd(), kUnfinishedName, 0);
  if (S_ISREG(status.st_mode)) return copy_bytes(source, folder);
  if (S_ISLNK(status.st_mode)) {
    const auto target = std::filesystem::read_symlink(source);
    if (::symlinkat(target.c_str(), folder.fd(), kUnfinishedName) != 0) fail("copy", source);
    return;
  }
  if (::mknodat(folder.fd(), kUnfinishedName, status.st_mode, status.st_rdev) != 0) {
    fail("copy device", source);
  }
}

void copy_one(const path& source, const struct stat& status, const RootTree& tree,
              const path& inside) {
  if (S_ISSOCK(status.st_mode)) return;
  const KeptFolder folder(tree, inside.parent_path());
  try {
    make_unfinished(source, status, folder);
    copy_metadata(source, status, folder.path_of(kUnfinishedName));
  } catch (...) {
    ::unlinkat(folder.fd(), kUnfinishedName, 0);
    throw;
  }
  put_in_place(folder, inside.filename().string());
}

void copy_folder(const path& source, const RootTree& tree, const path& inside,
                 const std::stop_token& stop) {
  for (const auto& name : RootTree(source).names("/")) {
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = "laying the overlay over the image was stopped",
                         .why = "",
                         .hint = ""});
    }
    const auto from = source / name;
    const auto to = inside / name;
    struct stat status {};
    if (::lstat(from.c_str(), &status) != 0) fail("stat", from);
    if (!S_ISDIR(status.st_mode)) {
      copy_one(from, status, tree, to);
      continue;
    }
    make_folder_in_tree(tree, to, 0700, 0);
    copy_folder(from, tree, to, stop);
    const auto made = tree.open(to, O_RDONLY | O_DIRECTORY);
    if (!made) fail("open", tree.on_host(to));
    copy_metadata(from, status, fmt::format("/proc/self/fd/{}/.", made->get()));
  }
}

}  // namespace

void copy_overlay(const path& overlay, const RootTree& tree, const std::stop_token& stop) {
  copy_folder(overlay, tree, "/", stop);
}

}  // namespace stages
