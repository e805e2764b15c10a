// SPDX-License-Identifier: Apache-2.0
#include "oci/linked_names.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "oci/folder_entries.hpp"

namespace oci {
namespace {

bool same_time(const timespec& left, const timespec& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

class LinkedNames {
 public:
  explicit LinkedNames(const std::stop_token& stop) : stop_(stop) {}

  void walk(int lower, int merged, const std::string& path) {
    if (stop_.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = "stopped while linked files were looked for",
                         .why = "",
                         .hint = ""});
    }
    for (const auto& name : names_in(lower, path)) look(lower, merged, name, path + "/" + name);
  }

 private:
  void look(int lower, int merged, const std::string& name, const std::string& path) {
    struct stat below {};
    struct stat above {};
    if (::fstatat(lower, name.c_str(), &below, AT_SYMLINK_NOFOLLOW) != 0) fail(path);
    const bool folder = S_ISDIR(below.st_mode);
    if (!folder && below.st_nlink < 2) return;
    if (::fstatat(merged, name.c_str(), &above, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) return;  // Removed.
      fail(path);
    }
    if ((above.st_mode & S_IFMT) != (below.st_mode & S_IFMT)) return;
    if (folder) return walk(open(lower, name, path).get(), open(merged, name, path).get(), path);
    if (same_time(above.st_ctim, below.st_ctim)) return;
    // Any change of what an inode says brings the name up; this one changes nothing.
    const timespec times[2] = {above.st_atim, above.st_mtim};
    if (::utimensat(merged, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) fail(path);
  }

  static base::FileDescriptor open(int folder, const std::string& name, const std::string& path) {
    base::FileDescriptor fd(
        ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) fail(path);
    return fd;
  }

  [[noreturn]] static void fail(const std::string& path) {
    base::throw_system_error(errno, fmt::format("cannot look at {}", path));
  }

  const std::stop_token& stop_;
};

}  // namespace

void copy_up_linked_names(int lower, int merged, const std::stop_token& stop) {
  LinkedNames(stop).walk(lower, merged, "");
}

}  // namespace oci
