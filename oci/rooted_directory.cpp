// SPDX-License-Identifier: Apache-2.0
#include "oci/rooted_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace oci {

PathNames clean_path(std::string_view path) {
  PathNames names;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto name = path.substr(0, slash);
    if (name == "..") {
      if (!names.empty()) names.pop_back();
    } else if (!name.empty() && name != ".") {
      names.emplace_back(name);
    }
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  }
  return names;
}

std::string join(const PathNames& names) { return fmt::format("{}", fmt::join(names, "/")); }

base::FileDescriptor RootedDirectory::try_open_folder(const std::string& path) const {
  return try_open(path, O_PATH | O_DIRECTORY);
}

base::FileDescriptor RootedDirectory::try_open_plain_folder(const std::string& path) const {
  return try_open(path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

base::FileDescriptor RootedDirectory::try_open(const std::string& path, int flags) const {
  return try_open(path, flags, 0);
}

base::FileDescriptor RootedDirectory::try_open(const std::string& path, int flags,
                                               unsigned resolve) const {
  struct open_how how {};
  how.flags = static_cast<__u64>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  const char* text = path.empty() ? "." : path.c_str();
  long fd = -1;
  do {  // EAGAIN: somewhere on the machine a rename raced with "..".
    fd = ::syscall(SYS_openat2, root_, text, &how, sizeof(how));
  } while (fd < 0 && (errno == EINTR || errno == EAGAIN));
  if (fd < 0 && errno == ENOSYS) {
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = fmt::format("cannot write safely into {}", name_),
                       .why = "the kernel has no openat2, or a seccomp filter hides it",
                       .hint = "use Linux 5.6 or newer"});
  }
  return base::FileDescriptor(static_cast<int>(fd));
}

int chmod_no_follow(int parent, const std::string& name, mode_t mode) {
  const base::FileDescriptor fd(::openat(parent, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return -1;
  return ::chmod(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), mode);
}

}  // namespace oci
