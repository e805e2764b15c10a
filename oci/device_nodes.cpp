// SPDX-License-Identifier: Apache-2.0
#include "oci/device_nodes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"

namespace oci {
namespace {

struct Device {
  const char* name;
  unsigned major;
  unsigned minor;
};

/// Source: Linux, admin-guide/devices.txt.
constexpr Device kDevices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                               {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr mode_t kAnybody = 0666;

}  // namespace

DeviceNodes::DeviceNodes(const MountPoints& points)
    : folder_(points.open_folder(points.resolve("/dev"))) {
  if (!folder_ || ::fstat(folder_.get(), &before_) != 0) {
    base::throw_system_error(errno, "cannot open the root's /dev");
  }
  for (const auto& device : kDevices) make(device.name, device.minor, device.major);
}

DeviceNodes::~DeviceNodes() {
  for (const auto& [name, status] : made_) {
    struct stat now {};
    if (::fstatat(folder_.get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        now.st_ino == status.st_ino && now.st_dev == status.st_dev) {
      static_cast<void>(::unlinkat(folder_.get(), name.c_str(), 0));
    }
  }
  const std::array<timespec, 2> times = {before_.st_atim, before_.st_mtim};
  static_cast<void>(::utimensat(AT_FDCWD, fmt::format("/proc/self/fd/{}", folder_.get()).c_str(),
                                times.data(), 0));
}

void DeviceNodes::make(const char* name, unsigned minor, unsigned major) {
  struct stat status {};
  if (::fstatat(folder_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) return;
  if (::mknodat(folder_.get(), name, S_IFCHR | kAnybody, ::makedev(major, minor)) == 0) {
    static_cast<void>(chmod_no_follow(folder_.get(), name, kAnybody));
    // A file system that is mounted without devices has them and opens none.
    const base::FileDescriptor opened(
        ::openat(folder_.get(), name, O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
    if (opened || errno != EACCES) return note(name);
    static_cast<void>(::unlinkat(folder_.get(), name, 0));
  }
  if (std::string_view(name) != "null") return;
  const base::FileDescriptor file(::openat(
      folder_.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kAnybody));
  if (!file || ::fchmod(file.get(), kAnybody) != 0) {
    base::throw_system_error(errno, "cannot make the root's /dev/null");
  }
  note(name);
}

void DeviceNodes::note(const char* name) {
  struct stat status {};
  if (::fstatat(folder_.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
    made_.emplace_back(name, status);
  }
}

}  // namespace oci
