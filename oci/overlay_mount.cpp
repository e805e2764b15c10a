// SPDX-License-Identifier: Apache-2.0
#include "oci/overlay_mount.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"
#include "oci/linked_names.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

/// Names folders by descriptors of ours: short, so that hundreds fit into the one page that
/// mount(2) takes, and free of the commas and colons that its options give a meaning to.
class FolderNames {
 public:
  std::string add(const fs::path& folder) {
    base::FileDescriptor fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", folder.string()));
    folders_.push_back(std::move(fd));
    return fmt::format("/proc/self/fd/{}", folders_.back().get());
  }

 private:
  std::vector<base::FileDescriptor> folders_;
};

void mount_or_throw(const char* source, const fs::path& at, const char* type, unsigned long flags,
                    const std::string& options) {
  if (::mount(source, at.c_str(), type, flags, options.c_str()) == 0) return;
  base::throw_system_error(errno, fmt::format("cannot mount at {}", at.string()));
}

}  // namespace

Mount::~Mount() {
  if (!at_.empty()) ::umount2(at_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

void Mount::unmount() {
  if (at_.empty()) return;
  if (::umount2(at_.c_str(), UMOUNT_NOFOLLOW) != 0) {
    base::throw_system_error(errno, fmt::format("cannot unmount {}", at_.string()));
  }
  at_.clear();
}

namespace {

/// `index`: whether a lower file with several names stays one file; "on" or "off".
Mount mount_overlay(const OverlayLayers& layers, const fs::path& at, const char* index) {
  FolderNames names;
  std::string options;
  for (auto lower = layers.lower.rbegin(); lower != layers.lower.rend(); ++lower) {
    options += (options.empty() ? "lowerdir=" : ":") + names.add(*lower);
  }
  unsigned long flags = MS_NODEV;
  if (layers.upper.empty()) {
    flags |= MS_RDONLY;
  } else {
    options += fmt::format(",upperdir={},workdir={},volatile", names.add(layers.upper),
                           names.add(layers.work));
  }
  // Plain layers only: what these would write, another mount of the same layers could not read.
  options += fmt::format(",redirect_dir=nofollow,metacopy=off,index={}", index);
  mount_or_throw("overlay", at, "overlay", flags, options);
  return Mount(at);
}

}  // namespace

Mount mount_overlay(const OverlayLayers& layers, const fs::path& at) {
  return mount_overlay(layers, at, "off");
}

Mount mount_overlay_keeping_links(const OverlayLayers& layers, const fs::path& at) {
  try {
    return mount_overlay(layers, at, "on");
  } catch (const base::Error&) {
    return mount_overlay(layers, at, "off");
  }
}

Mount mount_bind(const fs::path& source, const fs::path& at) {
  mount_or_throw(source.c_str(), at, nullptr, MS_BIND, "");
  return Mount(at);
}

Mount mount_read_only(const fs::path& folder, const fs::path& at) {
  auto mount = mount_bind(folder, at);
  mount_or_throw(nullptr, at, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV, "");
  return mount;
}

Mount mount_again(const fs::path& folder, const fs::path& at) {
  mount_or_throw(folder.c_str(), at, nullptr, MS_BIND | MS_REC, "");
  return Mount(at);
}

Mount mount_without_devices(const fs::path& folder, const fs::path& at) {
  auto mount = mount_again(folder, at);
  mount_or_throw(nullptr, at, nullptr, MS_REMOUNT | MS_BIND | MS_NODEV, "");
  return mount;
}

Mount mount_memory(const fs::path& at) {
  mount_or_throw("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700");
  return Mount(at);
}

std::optional<std::string> overlay_obstacle(const fs::path& scratch) {
  try {
    for (const auto* name : {"lower", "upper", "work", "merged"}) {
      base::make_directories(scratch / name);
    }
    base::write_file_atomically(scratch / "lower/file", "x");
    auto mount = mount_overlay(
        {.lower = {scratch / "lower"}, .upper = scratch / "upper", .work = scratch / "work"},
        scratch / "merged");
    base::write_file_atomically(scratch / "merged/new", "x");
    const bool removed = ::unlink((scratch / "merged/file").c_str()) == 0;
    mount.unmount();
    struct stat whiteout {};
    if (removed && ::lstat((scratch / "upper/file").c_str(), &whiteout) == 0) return std::nullopt;
    return "deleting through an overlay does not work here";
  } catch (const base::Error& error) {
    return error.facts().what + ": " + error.facts().why;
  }
}

}  // namespace oci
