// SPDX-License-Identifier: Apache-2.0
#include "oci/stand_in.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <span>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/copy_tree.hpp"
#include "oci/folder_attributes.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAside = ".osartifact-aside-";
constexpr const char* kFresh = ".osartifact-fresh";
constexpr mode_t kTmpfsMode = 01777;
constexpr std::size_t kCopyBytes = std::size_t{1} << 16;

/// Contents, mode and owner; of a link, nothing is ever followed.
void copy_file(int from_folder, const std::string& from, int to_folder, const std::string& to,
               int extra_flags) {
  const auto fail = [&] { base::throw_system_error(errno, fmt::format("cannot copy {}", from)); };
  const base::FileDescriptor source(
      ::openat(from_folder, from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!source || ::fstat(source.get(), &status) != 0) fail();
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    fail();
  }
  const base::FileDescriptor target(::openat(
      to_folder, to.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | extra_flags, 0600));
  if (!target) fail();
  std::array<std::byte, kCopyBytes> buffer{};
  ssize_t count = 0;
  while ((count = ::read(source.get(), buffer.data(), buffer.size())) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail();
    base::write_all(target.get(), std::span(buffer).first(static_cast<std::size_t>(count)), to);
  }
  const bool owned = ::fchown(target.get(), status.st_uid, status.st_gid) == 0 || errno == EPERM;
  if (!owned || ::fchmod(target.get(), status.st_mode & 07777U) != 0) fail();
}

}  // namespace

StandIn::StandIn(const MountPoints& points, ContainerMount mount) : mount_(std::move(mount)) {
  const fs::path target = mount_.target;
  name_ = target.filename();
  folder_ = points.open_folder(target.parent_path());
  if (!folder_ || ::fstat(folder_.get(), &folder_before_) != 0) {
    base::throw_system_error(errno, fmt::format("cannot open the folder of {}", mount_.target));
  }
  static std::atomic<unsigned> count = 0;
  std::string aside;
  int status = 0;
  do {  // EEXIST: what a killed run left.
    aside = fmt::format("{}{}", kAside, ++count);
    status =
        ::renameat2(folder_.get(), name_.c_str(), folder_.get(), aside.c_str(), RENAME_NOREPLACE);
  } while (status != 0 && errno == EEXIST);
  if (status != 0) {
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("nothing can be shown at {}", mount_.target),
                       .why = fmt::format("what is there cannot step aside: {}",
                                          std::generic_category().message(errno)),
                       .hint = "install runc: with it, it is mounted"});
  }
  aside_ = std::move(aside);
  try {
    copy_in();
  } catch (...) {
    step_back();
    throw;
  }
  restore_folder_times(folder_.get(), folder_before_);
}

StandIn::~StandIn() {
  try {
    step_back();
  } catch (const base::Error&) {
    return;  // Only after another error, and the tree goes with that.
  }
}

void StandIn::finish() {
  write_back();
  step_back();
}

fs::path StandIn::here() const {
  return fs::path(fmt::format("/proc/self/fd/{}", folder_.get())) / name_;
}

void StandIn::copy_in() {
  const bool is_tmpfs = mount_.kind == ContainerMount::Kind::kTmpfs;
  if (!is_tmpfs && !fs::is_directory(mount_.source)) {
    return copy_file(AT_FDCWD, mount_.source, folder_.get(), name_, O_EXCL);
  }
  if (::mkdirat(folder_.get(), name_.c_str(), 0700) != 0) {
    base::throw_system_error(errno, fmt::format("cannot make {}", mount_.target));
  }
  if (!is_tmpfs) return copy_tree(mount_.source, here());
  if (::fchmodat(folder_.get(), name_.c_str(), kTmpfsMode, 0) != 0) {
    base::throw_system_error(errno, fmt::format("cannot chmod {}", mount_.target));
  }
}

void StandIn::write_back() const {
  if (mount_.kind != ContainerMount::Kind::kBind || mount_.read_only) return;
  struct stat status {};
  if (::fstatat(folder_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      S_ISDIR(status.st_mode) != fs::is_directory(mount_.source)) {
    return;  // A real mount could not have become this either.
  }
  if (!S_ISDIR(status.st_mode)) {
    return copy_file(folder_.get(), name_, AT_FDCWD, mount_.source, O_TRUNC);
  }
  // First all of the new beside the old: a full disk loses nothing.
  const auto fresh = mount_.source / kFresh;
  base::make_directories(fresh);
  copy_tree(here(), fresh);
  for (const auto& entry : fs::directory_iterator(mount_.source)) {
    if (entry.path().filename() != kFresh) base::remove_tree(entry.path());
  }
  for (const auto& entry : fs::directory_iterator(fresh)) {
    fs::rename(entry.path(), mount_.source / entry.path().filename());
  }
  copy_folder_attributes(fresh, mount_.source);
  base::remove_tree(fresh);
}

void StandIn::step_back() {
  if (aside_.empty()) return;
  struct stat before {};  // As it was set up, or as what ran made it.
  const bool known = ::fstat(folder_.get(), &before) == 0;
  base::remove_tree(here());
  const auto aside = std::exchange(aside_, {});
  if (::renameat(folder_.get(), aside.c_str(), folder_.get(), name_.c_str()) != 0) {
    if (errno == ENOENT) return;  // Whatever ran removed it.
    base::throw_system_error(errno, fmt::format("cannot bring {} back", mount_.target));
  }
  if (known) restore_folder_times(folder_.get(), before);
}

}  // namespace oci
