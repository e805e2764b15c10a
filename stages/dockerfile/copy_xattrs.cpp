// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy_xattrs.hpp"

#include <fmt/format.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kMaxBytes = 65536;  // XATTR_SIZE_MAX and XATTR_LIST_MAX.

bool is_copied(std::string_view xattr, bool of_image) {
  if (xattr.find(".overlay.") != std::string_view::npos || xattr == "security.selinux")
    return false;
  return of_image || xattr == "security.capability" || xattr.starts_with("user.");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> file_xattrs(int fd, bool of_image,
                                                             const std::string& name) {
  std::vector<std::pair<std::string, std::string>> found;
  const auto length = ::flistxattr(fd, nullptr, 0);
  if (length == 0 || (length < 0 && errno == EOPNOTSUPP)) return found;
  std::string names(kMaxBytes, '\0');
  const auto filled = ::flistxattr(fd, names.data(), names.size());
  if (filled < 0) base::throw_system_error(errno, fmt::format("cannot read /{}", name));
  names.resize(static_cast<std::size_t>(filled));
  std::string value(kMaxBytes, '\0');
  for (std::size_t at = 0; at < names.size();) {
    const std::string xattr(names.c_str() + at);
    at += xattr.size() + 1;
    if (!is_copied(xattr, of_image)) continue;
    const auto bytes = ::fgetxattr(fd, xattr.c_str(), value.data(), value.size());
    if (bytes < 0) continue;  // Gone, or not for us to see.
    found.emplace_back(xattr, value.substr(0, static_cast<std::size_t>(bytes)));
  }
  std::sort(found.begin(), found.end());
  return found;
}

void copy_file_xattrs(int from, int to, bool of_image, const std::string& name) {
  for (const auto& [xattr, value] : file_xattrs(from, of_image, name)) {
    if (::fsetxattr(to, xattr.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL) {
      base::throw_system_error(errno, fmt::format("cannot copy {} of /{}", xattr, name));
    }
  }
}

}  // namespace stages::dockerfile
