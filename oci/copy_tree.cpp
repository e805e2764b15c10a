// SPDX-License-Identifier: Apache-2.0
#include "oci/copy_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <unordered_map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"
#include "oci/file_contents.hpp"
#include "oci/folder_attributes.hpp"
#include "oci/rooted_directory.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path) {
  base::throw_system_error(errno, fmt::format("cannot copy {}", path.string()));
}

class TreeCopy {
 public:
  explicit TreeCopy(int to_root) : to_root_(to_root) {}

  void copy_children(int from, int to, const fs::path& path) {
    const int listed = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listed < 0) fail(path);
    const base::Handle<DIR, &::closedir> folder(::fdopendir(listed));
    if (!folder) fail(path);
    while (const dirent* entry = ::readdir(folder.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") copy(from, to, name, path / name);
    }
  }

 private:
  void copy(int from, int to, const std::string& name, const fs::path& path) {
    struct stat status {};
    if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail(path);
    if (S_ISDIR(status.st_mode)) return copy_folder(from, to, name, path, status);
    if (status.st_nlink > 1) {
      const auto [known, is_first] = names_.emplace(status.st_ino, path.string());
      const bool linked =
          !is_first && ::linkat(to_root_, known->second.c_str(), to, name.c_str(), 0) == 0;
      if (linked) return;
      if (!is_first) fail(path);
    }
    if (S_ISREG(status.st_mode)) return copy_file(from, to, name, path, status);
    copy_special(from, to, name, path, status);
  }

  void copy_folder(int from, int to, const std::string& name, const fs::path& path,
                   const struct stat& status) {
    if (::mkdirat(to, name.c_str(), S_IRWXU) != 0) fail(path);
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const base::FileDescriptor source(::openat(from, name.c_str(), kFlags));
    const base::FileDescriptor target(::openat(to, name.c_str(), kFlags));
    if (!source || !target) fail(path);
    copy_children(source.get(), target.get(), path);
    copy_attributes(source.get(), target.get(), path, status);
  }

  void copy_file(int from, int to, const std::string& name, const fs::path& path,
                 const struct stat& status) {
    const base::FileDescriptor source(
        ::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    const base::FileDescriptor target(::openat(
        to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!source || !target) fail(path);
    copy_file_contents(source.get(), target.get(), status.st_size, path.string());
    copy_attributes(source.get(), target.get(), path, status);
  }

  void copy_attributes(int from, int to, const fs::path& path, const struct stat& status) {
    const bool owned = ::fchown(to, status.st_uid, status.st_gid) == 0 || errno == EPERM;
    if (!owned || ::fchmod(to, status.st_mode & 07777U) != 0) fail(path);
    copy_xattrs(from, to, path);
    const std::array<timespec, 2> times = {status.st_mtim, status.st_mtim};
    if (::futimens(to, times.data()) != 0) fail(path);
  }

  /// Symlinks, devices, pipes.
  void copy_special(int from, int to, const std::string& name, const fs::path& path,
                    const struct stat& status) {
    if (S_ISLNK(status.st_mode)) {
      std::array<char, PATH_MAX> target{};
      if (::readlinkat(from, name.c_str(), target.data(), target.size() - 1) < 0 ||
          ::symlinkat(target.data(), to, name.c_str()) != 0) {
        fail(path);
      }
    } else if (::mknodat(to, name.c_str(), status.st_mode, status.st_rdev) != 0) {
      fail(path);
    }
    const std::array<timespec, 2> times = {status.st_mtim, status.st_mtim};
    const bool owned =
        ::fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) == 0 ||
        errno == EPERM;
    const bool has_mode = !S_ISLNK(status.st_mode);
    if (!owned || (has_mode && chmod_no_follow(to, name, status.st_mode & 07777U) != 0) ||
        ::utimensat(to, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
      fail(path);
    }
  }

  int to_root_;
  std::unordered_map<ino_t, std::string> names_;  ///< Of files with several: the first one copied.
};

}  // namespace

void copy_tree(const fs::path& from, const fs::path& to) {
  const auto source = base::open_for_reading(from);
  const auto target = base::open_for_reading(to);
  TreeCopy(target.get()).copy_children(source.get(), target.get(), {});
  copy_folder_attributes(from, to);
}

}  // namespace oci
