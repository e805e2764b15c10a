// SPDX-License-Identifier: Apache-2.0
#include "oci/entry_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "oci/folder_entries.hpp"
#include "oci/whiteouts.hpp"

namespace oci {
namespace {

constexpr std::size_t kReadBytes = 1U << 20;
constexpr std::string_view kOpaqueMarker = ".wh..wh..opq";
constexpr std::array<std::string_view, 2> kOverlayPrefixes = {"trusted.overlay.", "user.overlay."};

using Xattrs = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void fail(const std::string& path) {
  base::throw_system_error(errno, fmt::format("cannot read /{} for a layer", path));
}

std::optional<std::string> overlay_part(std::string_view xattr) {
  for (const auto prefix : kOverlayPrefixes) {
    if (xattr.starts_with(prefix)) return std::string(xattr.substr(prefix.size()));
  }
  return std::nullopt;
}

EntryType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return EntryType::kDirectory;
    case S_IFLNK:
      return EntryType::kSymlink;
    case S_IFCHR:
      return EntryType::kCharDevice;
    case S_IFBLK:
      return EntryType::kBlockDevice;
    case S_IFIFO:
      return EntryType::kFifo;
    case S_IFSOCK:
      return EntryType::kSocket;
    default:
      return EntryType::kFile;
  }
}

/// The attributes of a layer go into `entry`, in byte order; overlayfs's own are returned,
/// without their prefix. `proc` leads to the object without following it if it is a symlink.
Xattrs take_xattrs(const std::string& proc, TarEntry& entry) {
  Xattrs overlay;
  const auto bytes = ::llistxattr(proc.c_str(), nullptr, 0);
  if (bytes < 0 && errno == ENOTSUP) return overlay;
  std::string names(bytes > 0 ? static_cast<std::size_t>(bytes) : 0, '\0');
  const auto filled = bytes > 0 ? ::llistxattr(proc.c_str(), names.data(), names.size()) : bytes;
  if (filled < 0) fail(entry.path);
  names.resize(static_cast<std::size_t>(filled));
  for (std::size_t at = 0; at < names.size();
       at += std::char_traits<char>::length(&names[at]) + 1) {
    const std::string name = &names[at];
    if (name == "security.selinux") continue;  // The host's business.
    const auto size = ::lgetxattr(proc.c_str(), name.c_str(), nullptr, 0);
    if (size < 0) fail(entry.path);
    std::string value(static_cast<std::size_t>(size), '\0');
    if (::lgetxattr(proc.c_str(), name.c_str(), value.data(), value.size()) != size) {
      fail(entry.path);
    }
    const auto part = overlay_part(name);
    (part ? overlay : entry.xattrs).emplace_back(part.value_or(name), std::move(value));
  }
  std::erase_if(overlay, [&](const auto& xattr) {
    return entry.type != EntryType::kDirectory &&
           (xattr.first == "origin" || xattr.first == "impure" || xattr.first == "nlink");
  });
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
  return overlay;
}

std::string target_of(int folder, const std::string& name, const std::string& path) {
  auto target = link_target(folder, name);
  if (!target) fail(path);
  return std::move(*target);
}

}  // namespace

EntryWriter::EntryWriter(TarStream& tar, const DiffOptions& options)
    : tar_(tar), options_(options), buffer_(kReadBytes) {}

void EntryWriter::write(int folder, const std::string& name, const std::string& path,
                        const struct stat& status) {
  if (options_.stop.stop_requested()) {
    throw base::Error({.code = base::ErrorCode::kInterrupted,
                       .what = "stopped while a layer was made",
                       .why = "",
                       .hint = ""});
  }
  auto entry = describe(path, status);
  if (entry.type == EntryType::kSocket) {
    options_.warn(fmt::format("/{} is a socket and left out of the layer", path));
    return;
  }
  if (status.st_nlink > 1) {
    const auto [first, is_first] = links_.try_emplace({status.st_dev, status.st_ino}, path);
    if (!is_first) return write_link(path, first->second, status);
  }
  const auto overlay = take_xattrs(fmt::format("/proc/self/fd/{}/{}", folder, name), entry);
  if (!overlay.empty()) refuse_overlay_mark(path, overlay.front().first);
  if (entry.type == EntryType::kSymlink) entry.link_target = target_of(folder, name, path);
  tar_.add(entry);
  if (entry.type == EntryType::kFile) copy_contents(folder, name, entry);
}

EntryWriter::Folder EntryWriter::read_folder(int folder, const std::string& name,
                                             const std::string& path,
                                             const struct stat& status) const {
  Folder found{.entry = describe(path, status),
               .overlay = {},
               .modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
  found.overlay = take_xattrs(fmt::format("/proc/self/fd/{}/{}", folder, name), found.entry);
  return found;
}

void EntryWriter::write_whiteout(const std::string& path, const std::string& name,
                                 const struct stat& folder) {
  const auto marker =
      name.empty() ? std::string(kOpaqueMarker) : std::string(kWhiteoutPrefix) + name;
  TarEntry entry;
  entry.path = path + marker;
  entry.mtime_seconds = describe(path, folder).mtime_seconds;
  tar_.add(entry);
}

TarEntry EntryWriter::describe(const std::string& path, const struct stat& status) const {
  TarEntry entry;
  entry.type = type_of(status.st_mode);
  entry.path = path;
  entry.mode = status.st_mode & 07777U;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.mtime_seconds = status.st_mtim.tv_sec;
  if (options_.epoch) entry.mtime_seconds = std::min(entry.mtime_seconds, *options_.epoch);
  if (entry.type == EntryType::kFile) entry.bytes = static_cast<std::uint64_t>(status.st_size);
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice) {
    entry.device_major = major(status.st_rdev);
    entry.device_minor = minor(status.st_rdev);
  }
  return entry;
}

void EntryWriter::write_link(const std::string& path, const std::string& first,
                             const struct stat& status) {
  auto entry = describe(path, status);
  entry.type = EntryType::kHardlink;
  entry.link_target = first;
  entry.bytes = 0;
  tar_.add(entry);
}

void EntryWriter::copy_contents(int folder, const std::string& name, const TarEntry& entry) {
  const base::FileDescriptor fd(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd) fail(entry.path);
  while (true) {
    const auto count = ::read(fd.get(), buffer_.data(), buffer_.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(entry.path);
    if (count == 0) return;
    tar_.write(std::span(buffer_).first(static_cast<std::size_t>(count)));
  }
}

void refuse_overlay_mark(const std::string& path, const std::string& mark) {
  throw base::Error(
      {.code = base::ErrorCode::kUnsupported,
       .what = fmt::format("cannot make a layer of /{}", path),
       .why = fmt::format("overlayfs marked it '{}', which only it understands", mark),
       .hint = "mount the overlay with redirect_dir=nofollow,metacopy=off"});
}

}  // namespace oci
