// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_folders.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <vector>

#include "base/error.hpp"
#include "oci/folder_entries.hpp"

namespace oci {
namespace {

constexpr std::size_t kMaxOpenFolders = 64;
constexpr int kMaxLinksFollowed = 40;  // As the kernel, see path_resolution(7).
constexpr mode_t kImpliedFolderMode = 0755;
constexpr std::uint64_t kMaxPathBytes = 256ULL << 20;  // Of a layer; 4 million usual folders.

PathNames first(const PathNames& path, std::size_t count) {
  return {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(count)};
}

/// Unlike clean_path, leaves ".." for the kernel to resolve: it comes from a symlink.
PathNames split(std::string_view path) {
  PathNames names;
  while (!path.empty()) {
    const auto slash = path.find('/');
    if (slash != 0) names.emplace_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  }
  return names;
}

}  // namespace

std::shared_ptr<Folder> LayerFolders::make(const PathNames& path, const timespec& mtime) {
  const auto text = join(path);
  if (auto folder = open(text)) return folder;
  make_missing(path, mtime, 0);
  auto folder = open(text);
  if (!folder) fail(text);
  return folder;
}

std::shared_ptr<Folder> LayerFolders::find(const PathNames& path) {
  auto folder = open(join(path));
  if (!folder && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) fail(join(path));
  return folder;
}

/// Null with errno set.
std::shared_ptr<Folder> LayerFolders::open(const std::string& path, std::size_t bytes_below) {
  if (const auto found = open_.find(path); found != open_.end()) return found->second;
  auto fd = root_.try_open_plain_folder(path);
  if (!fd && errno == ELOOP) {
    fd = root_.try_open_folder(path);
    if (fd) check_depth(fd.get(), path, bytes_below);
  }
  return fd ? adopt(path, std::move(fd)) : nullptr;
}

/// The first sight of a folder comes before the first change in it: its time is noted here.
std::shared_ptr<Folder> LayerFolders::adopt(const std::string& path, base::FileDescriptor fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(path);
  const bool first_sight = !ends_.contains(status.st_ino);
  if (first_sight) {
    note(status.st_ino, {.path = path, .mtime = status.st_mtim, .mode = std::nullopt});
  }
  if (!privileged_ && (status.st_mode & S_IRWXU) != S_IRWXU) {
    if (first_sight) ends_[status.st_ino].mode = status.st_mode & 07777U;
    const auto proc = fmt::format("/proc/self/fd/{}", fd.get());
    if (::chmod(proc.c_str(), (status.st_mode & 07777U) | S_IRWXU) != 0) fail(path);
  }
  if (open_.size() >= kMaxOpenFolders) open_.clear();
  auto folder = std::make_shared<Folder>(Folder{.fd = std::move(fd), .inode = status.st_ino});
  open_.emplace(path, folder);
  return folder;
}

/// What is kept of each folder is as long as its path: names a few bytes long in folders two
/// thousand deep would take memory without end.
void LayerFolders::note(ino_t inode, End end) {
  path_bytes_ += end.path.size();
  if (path_bytes_ > kMaxPathBytes) refuse(end.path, "the names of its folders are too long");
  ends_[inode] = std::move(end);
}

/// Symlinks could put trees below each other until nobody, we included, can walk down them: none
/// gets deeper than a name without symlinks can be. `bytes_below`: what is to be made in `fd`.
void LayerFolders::check_depth(int fd, const std::string& path, std::size_t bytes_below) const {
  std::array<char, PATH_MAX> real{};
  const auto bytes =
      ::readlink(fmt::format("/proc/self/fd/{}", fd).c_str(), real.data(), real.size());
  if (bytes >= 0 && static_cast<std::size_t>(bytes) + bytes_below < real.size()) return;
  refuse(path, "its symlinks lead too deep");
}

/// Steps down from folder to folder: the kernel walks no name twice, however deep they are.
void LayerFolders::make_missing(const PathNames& path, const timespec& mtime, int links_followed) {
  auto parent = open("");
  if (!parent) fail("");
  std::string text;
  const auto whole = join(path).size();
  for (std::size_t count = 1; count <= path.size(); ++count) {
    const auto& name = path[count - 1];
    text += (text.empty() ? "" : "/") + name;
    if (auto folder = step(parent->fd.get(), name, text, whole - text.size())) {
      parent = std::move(folder);
      continue;
    }
    const int reason = errno;
    if (reason != ENOENT && reason != ENOTDIR) fail(text);
    const auto target = reason == ENOENT ? behind_symlink(parent->fd.get(), path, count)
                                         : std::nullopt;  // A file is in the way, and goes.
    if (target) {
      if (links_followed >= kMaxLinksFollowed) {
        errno = ELOOP;
        fail(text);
      }
      return make_missing(*target, mtime, links_followed + 1);
    }
    parent = make_one(parent->fd.get(), name, text, mtime);
  }
}

/// The folder `name` in `parent`, whose path is `path`. Null with errno set.
std::shared_ptr<Folder> LayerFolders::step(int parent, const std::string& name,
                                           const std::string& path, std::size_t bytes_below) {
  if (const auto found = open_.find(path); found != open_.end()) return found->second;
  if (name == "..") return open(path, bytes_below);
  base::FileDescriptor fd(
      ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return fd ? adopt(path, std::move(fd)) : open(path, bytes_below);
}

/// The path to make instead when its `count`th name is a symlink to something missing.
std::optional<PathNames> LayerFolders::behind_symlink(int parent, const PathNames& path,
                                                      std::size_t count) {
  const auto target = link_target(parent, path[count - 1]);
  if (!target) return std::nullopt;
  auto names = target->starts_with('/') ? PathNames{} : first(path, count - 1);
  for (auto& name : split(*target)) names.push_back(std::move(name));
  names.insert(names.end(), path.begin() + static_cast<std::ptrdiff_t>(count), path.end());
  return names;
}

std::shared_ptr<Folder> LayerFolders::make_one(int parent, const std::string& name,
                                               const std::string& path, const timespec& mtime) {
  if (::mkdirat(parent, name.c_str(), kImpliedFolderMode) != 0) {
    if (errno != EEXIST) fail(path);
    remove_below(parent, name, nullptr);
    forget();
    if (::mkdirat(parent, name.c_str(), kImpliedFolderMode) != 0) fail(path);
  }
  ++implied_;
  const bool owned =
      !privileged_ || ::fchownat(parent, name.c_str(), 0, 0, AT_SYMLINK_NOFOLLOW) == 0;
  if (!owned || chmod_no_follow(parent, name, kImpliedFolderMode) != 0) fail(path);
  base::FileDescriptor fd(
      ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail(path);
  auto folder = adopt(path, std::move(fd));
  contents_.add_folder(folder->inode);
  ends_.at(folder->inode).mtime = mtime;
  return folder;
}

void LayerFolders::set_mtime(ino_t inode, const PathNames& path, const timespec& mtime) {
  note(inode, {.path = join(path), .mtime = mtime, .mode = std::nullopt});
}

void LayerFolders::set_mode(ino_t inode, mode_t mode) { ends_.at(inode).mode = mode; }

void LayerFolders::finish() {
  std::vector<std::pair<ino_t, End>> ends(ends_.begin(), ends_.end());
  std::sort(ends.begin(), ends.end(), [](const auto& left, const auto& right) {
    return left.second.path > right.second.path;
  });
  for (const auto& [inode, end] : ends) {
    const auto fd = root_.try_open(end.path, O_RDONLY | O_DIRECTORY);
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_ino != inode) continue;  // Removed.
    const std::array<timespec, 2> times = {end.mtime, end.mtime};
    const bool done = (!end.mode || ::fchmod(fd.get(), *end.mode) == 0) &&
                      ::futimens(fd.get(), times.data()) == 0;
    if (!done) fail(end.path);
  }
  ends_.clear();
  forget();
}

void LayerFolders::fail(const std::string& path) const {
  if (errno == ELOOP) refuse(path, "its symlinks lead in a circle");
  if (errno == ENAMETOOLONG) refuse(path, "its path is too long");
  base::throw_system_error(errno, fmt::format("cannot write folder /{} of {}", path, root_.name()));
}

void LayerFolders::refuse(const std::string& path, std::string why) const {
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("cannot write folder /{} of {}", path, root_.name()),
                     .why = std::move(why),
                     .hint = ""});
}

}  // namespace oci
