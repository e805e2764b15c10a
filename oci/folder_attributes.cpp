// SPDX-License-Identifier: Apache-2.0
#include "oci/folder_attributes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {
namespace {

constexpr mode_t kRootMode = 0755;
constexpr std::size_t kMaxXattrBytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX.

[[noreturn]] void fail(const std::filesystem::path& folder) {
  base::throw_system_error(errno, fmt::format("cannot set up folder {}", folder.string()));
}

}  // namespace

void copy_xattrs(int from, int to, const std::filesystem::path& folder) {
  std::string names(kMaxXattrBytes, '\0');
  std::string value(kMaxXattrBytes, '\0');
  const auto length = ::flistxattr(from, names.data(), names.size());
  names.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  for (std::size_t at = 0; at < names.size();) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    if (name.find(".overlay.") != std::string::npos || name == "security.selinux") continue;
    const auto bytes = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (bytes < 0) continue;  // Gone, or not for us to see.
    const auto size = static_cast<std::size_t>(bytes);
    if (::fsetxattr(to, name.c_str(), value.data(), size, 0) != 0 && errno != EPERM) fail(folder);
  }
}

void copy_folder_attributes(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto source = base::open_for_reading(from);
  const auto target = base::open_for_reading(to);
  struct stat status {};
  if (::fstat(source.get(), &status) != 0) fail(from);
  const bool owned = ::fchown(target.get(), status.st_uid, status.st_gid) == 0 || errno == EPERM;
  if (!owned || ::fchmod(target.get(), status.st_mode & 07777U) != 0) fail(to);
  copy_xattrs(source.get(), target.get(), to);
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  if (::futimens(target.get(), times.data()) != 0) fail(to);
}

void restore_folder_times(int folder, const struct stat& before) {
  const std::array<timespec, 2> times = {before.st_atim, before.st_mtim};
  static_cast<void>(  // By its name: the descriptor may be O_PATH.
      ::utimensat(AT_FDCWD, fmt::format("/proc/self/fd/{}", folder).c_str(), times.data(), 0));
}

void make_root_folder(const std::filesystem::path& folder) {
  base::make_directories(folder);
  const auto fd = base::open_for_reading(folder);
  const std::array<timespec, 2> times{};
  if (::fchmod(fd.get(), kRootMode) != 0 || ::futimens(fd.get(), times.data()) != 0) fail(folder);
}

}  // namespace oci
