// SPDX-License-Identifier: Apache-2.0
#include "oci/overlay.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace oci {
namespace {

base::FileDescriptor open_folder(const std::filesystem::path& folder) {
  base::FileDescriptor fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", folder.string()));
  return fd;
}

}  // namespace

OverlayMount::OverlayMount(const std::vector<std::filesystem::path>& lower,
                           const std::optional<Writable>& writable, std::filesystem::path target)
    : target_(std::move(target)) {
  // mount(2) takes one page of options: descriptors are short names, so 200 layers fit into it.
  std::vector<base::FileDescriptor> held;
  const auto name = [&](const std::filesystem::path& folder) {
    held.push_back(open_folder(folder));
    return fmt::format("/proc/self/fd/{}", held.back().get());
  };
  std::string options = "index=off,metacopy=off,redirect_dir=off,lowerdir=";
  for (std::size_t i = 0; i < lower.size(); ++i) options += (i == 0 ? "" : ":") + name(lower[i]);
  if (writable) {
    options += ",upperdir=" + name(writable->upper) + ",workdir=" + name(writable->work);
  }
  if (::mount("overlay", target_.c_str(), "overlay", writable ? 0 : MS_RDONLY, options.c_str()) !=
      0) {
    base::throw_system_error(
        errno, fmt::format("cannot mount {} layers at {}", lower.size(), target_.string()));
  }
}

OverlayMount::OverlayMount(OverlayMount&& other) noexcept
    : target_(std::exchange(other.target_, {})) {}

OverlayMount::~OverlayMount() {
  if (!target_.empty()) ::umount2(target_.c_str(), MNT_DETACH);
}

void copy_folder_attributes(const std::filesystem::path& model,
                            const std::filesystem::path& folder) {
  struct stat status {};
  bool done = ::stat(model.c_str(), &status) == 0;
  done = done && ::chown(folder.c_str(), status.st_uid, status.st_gid) == 0;
  done = done && ::chmod(folder.c_str(), status.st_mode & 07777) == 0;
  const std::array<timespec, 2> times = {status.st_atim, status.st_mtim};
  done = done && ::utimensat(AT_FDCWD, folder.c_str(), times.data(), 0) == 0;
  if (!done) base::throw_system_error(errno, fmt::format("cannot prepare {}", folder.string()));
}

}  // namespace oci
