// SPDX-License-Identifier: Apache-2.0
#include "stages/tree_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <span>

#include "base/error.hpp"
#include "base/files.hpp"

namespace stages {
namespace {

void set_date(int fd, std::int64_t epoch) {
  const std::array<timespec, 2> times = {timespec{.tv_sec = epoch, .tv_nsec = 0},
                                         timespec{.tv_sec = epoch, .tv_nsec = 0}};
  ::futimens(fd, times.data());
}

[[noreturn]] void fail(std::string_view doing, const std::filesystem::path& path) {
  base::throw_system_error(errno, fmt::format("cannot {} {}", doing, path.string()));
}

}  // namespace

KeptFolder::KeptFolder(const RootTree& tree, const std::filesystem::path& path) {
  auto fd = tree.open(path, O_RDONLY | O_DIRECTORY);
  if (!fd) {
    errno = ENOENT;
    fail("open folder", tree.on_host(path));
  }
  fd_ = std::move(*fd);
  if (::fstat(fd_.get(), &before_) != 0) fail("stat", path);
}

KeptFolder::~KeptFolder() {
  const std::array<timespec, 2> times = {before_.st_atim, before_.st_mtim};
  ::futimens(fd_.get(), times.data());
}

std::string KeptFolder::path_of(std::string_view name) const {
  return fmt::format("/proc/self/fd/{}/{}", fd_.get(), name);
}

void put_in_place(const KeptFolder& folder, const std::string& name) {
  if (::renameat(folder.fd(), kUnfinishedName, folder.fd(), name.c_str()) == 0) return;
  const int error = errno;
  ::unlinkat(folder.fd(), kUnfinishedName, 0);
  if (error == EISDIR || error == EEXIST || error == ENOTEMPTY) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = fmt::format("cannot lay \"{}\" over the image", name),
                       .why = "the image has a folder of that name",
                       .hint = "give it another name, or make it a folder in the overlay"});
  }
  base::throw_system_error(error, fmt::format("cannot move {} into place", name));
}

void write_in_tree(const RootTree& tree, const std::filesystem::path& path,
                   std::string_view content, std::int64_t epoch) {
  const auto real = tree.file(path).value_or(path);
  const KeptFolder folder(tree, real.parent_path());
  const auto name = real.filename().string();
  struct stat old {};
  const bool replaces =
      ::fstatat(folder.fd(), name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(old.st_mode);
  ::unlinkat(folder.fd(), kUnfinishedName, 0);
  const base::FileDescriptor fd(::openat(
      folder.fd(), kUnfinishedName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) fail("write", real);
  base::write_all(fd.get(), std::as_bytes(std::span(content)), real.string());
  if (replaces && ::fchown(fd.get(), old.st_uid, old.st_gid) != 0 && errno != EPERM) {
    fail("give the old owner to", real);
  }
  if (::fchmod(fd.get(), replaces ? old.st_mode & 07777 : 0644) != 0) fail("chmod", real);
  set_date(fd.get(), epoch);
  put_in_place(folder, name);
}

bool make_folder_in_tree(const RootTree& tree, const std::filesystem::path& path, unsigned mode,
                         std::int64_t epoch) {
  if (tree.open(path, O_PATH | O_DIRECTORY)) return false;
  const KeptFolder parent(tree, path.parent_path());
  const auto name = path.filename();
  if (::unlinkat(parent.fd(), name.c_str(), 0) != 0 && errno != ENOENT) fail("replace", path);
  if (::mkdirat(parent.fd(), name.c_str(), 0700) != 0) fail("make folder", path);
  const base::FileDescriptor made(
      ::openat(parent.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made || ::fchmod(made.get(), mode) != 0) fail("make folder", path);
  set_date(made.get(), epoch);
  return true;
}

}  // namespace stages
