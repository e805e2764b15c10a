// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_xattrs.hpp"

#include <fmt/format.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/error.hpp"

namespace oci {
namespace {

constexpr std::string_view kSelinux = "security.selinux";
constexpr std::size_t kFitsEverywhere = 1024;  ///< Bytes of a value.

bool steers_overlayfs(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

/// All names, each ended by a NUL; empty where the file system has no attributes.
std::string list_of(int fd) {
  const auto bytes = ::flistxattr(fd, nullptr, 0);
  if (bytes <= 0) return "";
  std::string names(static_cast<std::size_t>(bytes), '\0');
  const auto filled = ::flistxattr(fd, names.data(), names.size());
  names.resize(filled < 0 ? 0 : static_cast<std::size_t>(filled));
  return names;
}

}  // namespace

void XattrWriter::set(int fd, const std::string& entry, const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    if (!accepts(name)) continue;
    const int status = ::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0);
    if (status != 0) judge(errno, entry, name, value.size());
  }
}

void XattrWriter::set_no_follow(int parent, const std::string& file, const std::string& entry,
                                const Xattrs& xattrs) {
  for (const auto& [name, value] : xattrs) {
    // The kernel allows no user.* there (xattr(7)); archives made elsewhere may carry them.
    if (!accepts(name) || name.starts_with("user.")) continue;
    const auto path = fmt::format("/proc/self/fd/{}/{}", parent, file);
    const int status = ::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0);
    if (status != 0) judge(errno, entry, name, value.size());
  }
}

void XattrWriter::clear_stale(int fd, const std::string& entry, const Xattrs& kept) {
  const auto names = list_of(fd);
  for (std::size_t at = 0; at < names.size();) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    const bool stays = name == kSelinux || steers_overlayfs(name) ||
                       std::any_of(kept.begin(), kept.end(),
                                   [&name](const auto& xattr) { return xattr.first == name; });
    if (stays || ::fremovexattr(fd, name.c_str()) == 0 || errno == ENODATA) continue;
    judge(errno, entry, name);
  }
}

bool XattrWriter::accepts(const std::string& xattr) {
  if (xattr == kSelinux) return false;
  if (!steers_overlayfs(xattr)) return true;
  warn_once("overlay",
            fmt::format("{} has {} attributes, which are never taken from an image", name_, xattr));
  return false;
}

void XattrWriter::judge(int error_number, const std::string& entry, const std::string& xattr,
                        std::size_t bytes) {
  const bool unknown_owner = error_number == EINVAL && xattr.starts_with("system.posix_acl_");
  const bool left_out =
      error_number == ENOTSUP || error_number == EPERM || error_number == EACCES || unknown_owner;
  // ext4 has one block for what a file has of them, and says that the disk is full.
  if ((error_number == ENOSPC || error_number == E2BIG) && bytes > kFitsEverywhere) {
    throw base::Error(
        {.code = base::ErrorCode::kNoSpace,
         .what = fmt::format("cannot set {} on {} of {}", xattr, entry, name_),
         .why = fmt::format("it has {} bytes: {}", bytes,
                            std::generic_category().message(error_number)),
         .hint = "ext4 keeps less than 4 KiB of attributes of a file: put the store on XFS or "
                 "Btrfs, or free space there if it is full"});
  }
  if (!left_out) {
    base::throw_system_error(error_number,
                             fmt::format("cannot set {} on {} of {}", xattr, entry, name_));
  }
  warn_once(error_number == ENOTSUP ? "unsupported" : "forbidden",
            fmt::format("{} on {} and perhaps others are left out: {}", xattr, entry,
                        error_number == ENOTSUP ? "the file system has no such attributes"
                                                : "not permitted"));
}

void XattrWriter::warn_once(const std::string& kind, std::string text) {
  if (warned_.insert(kind).second && warn_) warn_(std::move(text));
}

}  // namespace oci
