// SPDX-License-Identifier: Apache-2.0
#include "oci/mount_points.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>

#include "base/error.hpp"
#include "oci/folder_attributes.hpp"

namespace oci {
namespace {

constexpr int kMostLinks = 40;  // As the kernel follows. Source: path_resolution(7).
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kFileMode = 0644;

base::FileDescriptor open_root(const std::filesystem::path& root) {
  base::FileDescriptor fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open folder {}", root.string()));
  return fd;
}

[[noreturn]] void refuse(const std::string& target, std::string why) {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("nothing can be mounted at {}", target),
                     .why = std::move(why),
                     .hint = ""});
}

bool same_time(const timespec& one, const timespec& other) {
  return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

}  // namespace

MountPoints::MountPoints(const std::filesystem::path& root)
    : root_fd_(open_root(root)), root_(root_fd_.get(), root.string()) {}

MountPoints::~MountPoints() {
  while (!made_.empty()) {
    remove(made_.back());
    made_.pop_back();
  }
}

std::string MountPoints::resolve(const std::string& target) const {
  std::deque<std::string> left;
  const auto push_front = [&](std::string_view path) {
    std::size_t end = path.size();
    while (end > 0) {
      const auto slash = path.rfind('/', end - 1);
      const auto begin = slash == std::string_view::npos ? 0 : slash + 1;
      if (begin < end) left.emplace_front(path.substr(begin, end - begin));
      if (slash == std::string_view::npos) break;
      end = slash;
    }
  };
  push_front(target);
  PathNames names;
  int links = 0;
  while (!left.empty()) {
    auto name = std::move(left.front());
    left.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      if (!names.empty()) names.pop_back();
      continue;
    }
    const auto folder = root_.try_open_folder(join(names));
    std::array<char, PATH_MAX> link{};
    const auto length =
        folder ? ::readlinkat(folder.get(), name.c_str(), link.data(), link.size()) : -1;
    if (length < 0) {
      names.push_back(std::move(name));
      continue;
    }
    if (++links > kMostLinks) refuse(target, "its symlinks lead in a circle");
    const std::string_view text(link.data(), static_cast<std::size_t>(length));
    if (text.starts_with('/')) names.clear();
    push_front(text);
  }
  return "/" + join(names);
}

std::string MountPoints::add(const std::string& target, Kind kind) {
  auto path = resolve(target);
  const auto names = clean_path(path);
  if (names.empty()) refuse(target, "it is the root itself");
  base::FileDescriptor folder = root_.try_open_folder("");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto wanted = i + 1 == names.size() ? kind : Kind::kFolder;
    struct stat status {};
    if (::fstatat(folder.get(), names[i].c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) base::throw_system_error(errno, fmt::format("cannot look at {}", path));
      make(folder.get(), names[i], wanted, path);
    } else if (S_ISDIR(status.st_mode) != (wanted == Kind::kFolder)) {
      refuse(target,
             fmt::format("{} is {} folder", names[i], S_ISDIR(status.st_mode) ? "a" : "no"));
    }
    if (wanted == Kind::kFile) break;
    folder.reset(
        ::openat(folder.get(), names[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder) base::throw_system_error(errno, fmt::format("cannot open {}", path));
  }
  return path;
}

void MountPoints::make(int folder, const std::string& name, Kind kind, const std::string& path) {
  Made made;
  made.folder.reset(::openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  made.name = name;
  bool ok = made.folder && ::fstat(folder, &made.folder_before) == 0;
  if (ok && kind == Kind::kFolder) {
    ok = ::mkdirat(folder, name.c_str(), kFolderMode) == 0;
  } else if (ok) {
    const base::FileDescriptor file(::openat(
        folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    ok = static_cast<bool>(file);
  }
  ok = ok && ::fstatat(folder, name.c_str(), &made.status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!ok) base::throw_system_error(errno, fmt::format("cannot make {} in the root", path));
  restore_folder_times(folder, made.folder_before);
  made_.push_back(std::move(made));
}

void MountPoints::remove(const Made& made) noexcept {
  const int folder = made.folder.get();
  struct stat status {};
  struct stat now {};
  if (::fstat(folder, &now) != 0 ||
      ::fstatat(folder, made.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      status.st_ino != made.status.st_ino || status.st_dev != made.status.st_dev ||
      (!S_ISDIR(status.st_mode) && status.st_size != 0)) {
    return;  // What has the name now is somebody else's.
  }
  const int flags = S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0;
  const bool removed = ::unlinkat(folder, made.name.c_str(), flags) == 0;
  if (removed && same_time(now.st_mtim, made.folder_before.st_mtim)) {
    restore_folder_times(folder, made.folder_before);
  }
}

base::FileDescriptor MountPoints::open_folder(const std::string& resolved) const {
  return root_.try_open_folder(resolved);
}

}  // namespace oci
