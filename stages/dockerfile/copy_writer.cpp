// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "oci/file_contents.hpp"
#include "oci/folder_entries.hpp"
#include "stages/dockerfile/archive_source.hpp"
#include "stages/dockerfile/copy_xattrs.hpp"
#include "stages/stage.hpp"

namespace stages::dockerfile {
namespace {

constexpr mode_t kNewFolder = 0755;
constexpr int kMaxLinks = 40;  // As the kernel: path_resolution(7).

std::string path_text(const oci::PathNames& names) {
  return names.empty() ? "." : oci::join(names);
}

[[noreturn]] void refuse(std::string what, std::string why, std::string hint = {}) {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

}  // namespace

CopyWriter::CopyWriter(int from, int root, Options options)
    : from_(from),
      root_(root),
      options_(std::move(options)),
      source_(from, options_.request.source_root.string()),
      target_(root, "the image") {}

void CopyWriter::fail(const std::string& doing, const oci::PathNames& path) const {
  base::throw_system_error(errno, fmt::format("cannot {} /{}", doing, oci::join(path)));
}

mode_t CopyWriter::mode_of(const struct stat& status) const {
  const auto mode = status.st_mode & 07777U;
  return options_.mode ? options_.mode->apply(mode, S_ISDIR(status.st_mode)) : mode;
}

timespec CopyWriter::time_of(const struct stat& status) const {
  const auto& epoch = options_.request.epoch;
  if (epoch && status.st_mtim.tv_sec >= *epoch) return {.tv_sec = *epoch, .tv_nsec = 0};
  return status.st_mtim;
}

void CopyWriter::own(int parent, const std::string& name, const struct stat& status) {
  const auto& request = options_.request;
  uid_t user = request.keep_owners ? status.st_uid : 0;
  gid_t group = request.keep_owners ? status.st_gid : 0;
  if (request.chown) {
    user = request.chown->user;
    group = request.chown->group;
  }
  const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
  if (::fchownat(parent, name.c_str(), user, group, flags) == 0) return;
  if (errno == EPERM && ::geteuid() != 0) return;  // Owners are not ours to give.
  base::throw_system_error(errno, fmt::format("cannot give away {}", name));
}

/// The path without symlinks; what does not exist counts as a folder to be.
oci::PathNames CopyWriter::resolve(const oci::PathNames& path) {
  oci::PathNames resolved;
  oci::PathNames rest(path.rbegin(), path.rend());
  int links = 0;
  while (!rest.empty()) {
    const auto name = std::move(rest.back());
    rest.pop_back();
    if (name == "..") {
      if (!resolved.empty()) resolved.pop_back();
      continue;
    }
    const auto parent = target_.try_open_folder(path_text(resolved));
    struct stat status {};
    const bool is_link = parent &&
                         ::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISLNK(status.st_mode);
    if (!is_link) {
      resolved.push_back(name);
      continue;
    }
    if (++links > kMaxLinks) {
      refuse(fmt::format("cannot find /{}", oci::join(path)), "too many symlinks lead on");
    }
    const auto link = oci::link_target(parent.get(), name).value_or("");
    if (link.starts_with('/')) resolved.clear();
    // ".." is worked off here, where what stands before it is no symlink any more.
    std::string_view left = link;
    oci::PathNames names;
    while (!left.empty()) {
      const auto one = left.substr(0, left.find('/'));
      left.remove_prefix(std::min(one.size() + 1, left.size()));
      if (!one.empty() && one != ".") names.emplace_back(one);
    }
    rest.insert(rest.end(), names.rbegin(), names.rend());
  }
  return resolved;
}

bool CopyWriter::is_folder(const oci::PathNames& path) {
  return static_cast<bool>(target_.try_open_folder(path_text(path)));
}

/// `path` is resolved.
void CopyWriter::make_folders(const oci::PathNames& path) {
  oci::PathNames made;
  for (const auto& name : path) {
    const auto parent_text = path_text(made);
    made.push_back(name);
    if (is_folder(made)) continue;
    const auto parent = target_.try_open_folder(parent_text);
    if (!parent) fail("make", made);
    remember_time(parent_text);
    if (::mkdirat(parent.get(), name.c_str(), kNewFolder) != 0) {
      if (errno == EEXIST) {
        refuse(fmt::format("cannot make the folder /{}", oci::join(path)),
               fmt::format("/{} is a file", oci::join(made)));
      }
      fail("make", made);
    }
    const struct stat nobody {};
    own(parent.get(), name, nobody);
    const auto number = options_.mode ? options_.mode->number() : std::nullopt;
    if (oci::chmod_no_follow(parent.get(), name, number.value_or(kNewFolder)) != 0) {
      fail("set the mode of", made);
    }
    if (const auto epoch = options_.request.epoch) {
      folder_times_.insert_or_assign(path_text(made), timespec{.tv_sec = *epoch, .tv_nsec = 0});
    }
  }
}

/// A folder that is there keeps its time, whatever comes into it.
void CopyWriter::remember_time(const std::string& folder) {
  if (folder_times_.contains(folder)) return;
  struct stat status {};
  const auto fd = target_.try_open_folder(folder);
  if (fd && ::fstat(fd.get(), &status) == 0) folder_times_.emplace(folder, time_of(status));
}

int CopyWriter::open_parent(const oci::PathNames& target) {
  const auto path = path_text({target.begin(), target.end() - 1});
  if (!parent_ || path != parent_path_) {
    parent_ = target_.try_open_folder(path);
    if (!parent_) {
      const bool is_file = errno == ENOTDIR;
      if (is_file) refuse(fmt::format("cannot copy to /{}", path), "it is no folder");
      fail("find", {target.begin(), target.end() - 1});
    }
    parent_path_ = path;
    remember_time(path);
  }
  return parent_.get();
}

void CopyWriter::write(const SelectedSource& source, bool one_of_many) {
  const auto& destination = options_.request.destination;
  const auto names = oci::clean_path(destination);
  auto target = resolve(names);
  const bool is_folder_now = is_folder(target);
  const bool meant_as_folder =
      destination.ends_with('/') || names.empty() || source.is_folder || source.is_archive;
  if (one_of_many && !is_folder_now && !meant_as_folder) {
    refuse(fmt::format("cannot copy several files to {}", destination), "it is no folder",
           "end the destination with a slash: it is a folder then");
  }
  if (meant_as_folder) {
    make_folders(target);
  } else if (!target.empty() && !is_folder_now) {
    make_folders({target.begin(), target.end() - 1});
  }
  if (source.is_archive) return unpack(source, target);
  if (source.is_folder) {
    folder_times_.insert_or_assign(path_text(target), time_of(source.status));
  } else if (is_folder(target)) {
    target.push_back(source.name);
  }
  for (const auto& file : source.files) {
    check_stop(options_.stop);
    auto path = target;
    if (!file.target.empty()) path.push_back(file.target);
    path = oci::clean_path(oci::join(path));
    if (S_ISDIR(file.status.st_mode)) {
      write_folder(file, path);
    } else {
      write_file(file, path);
    }
  }
}

void CopyWriter::write_folder(const SelectedFile& file, const oci::PathNames& target) {
  const int parent = open_parent(target);
  const auto& name = target.back();
  if (::mkdirat(parent, name.c_str(), S_IRWXU) != 0) {
    if (errno != EEXIST) fail("make", target);
    if (!is_folder(target)) {
      refuse(fmt::format("cannot copy to non-directory: /{}", oci::join(target)),
             fmt::format("/{} is a folder", file.source));
    }
  }
  const auto folder = target_.try_open(path_text(target), O_RDONLY | O_DIRECTORY);
  const auto from = source_.try_open(file.source, O_RDONLY | O_DIRECTORY);
  if (!folder || !from) fail("copy", target);
  own(folder.get(), "", file.status);
  if (::fchmod(folder.get(), mode_of(file.status)) != 0) fail("set the mode of", target);
  copy_file_xattrs(from.get(), folder.get(), options_.request.keep_owners, file.source);
  folder_times_.insert_or_assign(path_text(target), time_of(file.status));
}

/// Removes the file or symlink that stands there; a folder stays and is an error.
void CopyWriter::make_way(int parent, const std::string& name, const oci::PathNames& target) {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno == EISDIR || errno == EPERM) {
    struct stat status {};
    if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(status.st_mode)) {
      refuse(fmt::format("cannot replace to directory /{} with file", oci::join(target)),
             "a folder of that name is there");
    }
    errno = EPERM;
  }
  fail("replace", target);
}

/// True when another name of the same file was copied before, and this one is a link to it now.
bool CopyWriter::write_link(const SelectedFile& file, int parent, const std::string& name,
                            const oci::PathNames& target) {
  if (file.status.st_nlink < 2) return false;
  const auto [first, is_first] =
      links_.try_emplace({file.status.st_dev, file.status.st_ino}, target);
  if (is_first) return false;
  const auto& known = first->second;
  const auto folder = target_.try_open_folder(path_text({known.begin(), known.end() - 1}));
  if (!folder || ::linkat(folder.get(), known.back().c_str(), parent, name.c_str(), 0) != 0) {
    fail("link", target);
  }
  return true;
}

void CopyWriter::write_file(const SelectedFile& file, const oci::PathNames& target) {
  if (target.empty()) refuse("cannot replace / with a file", "");
  const int parent = open_parent(target);
  const auto& name = target.back();
  make_way(parent, name, target);
  if (write_link(file, parent, name, target)) return;
  if (S_ISREG(file.status.st_mode)) return write_contents(file, parent, name);
  write_special(file, parent, name);
}

void CopyWriter::write_contents(const SelectedFile& file, int parent, const std::string& name) {
  const auto from = source_.try_open(file.source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  if (!from || ::fstat(from.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    base::throw_system_error(from ? EINVAL : errno, fmt::format("cannot read /{}", file.source));
  }
  const base::FileDescriptor to(::openat(parent, name.c_str(),
                                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                         S_IRUSR | S_IWUSR));
  if (!to) fail("write", {parent_path_, name});
  oci::copy_file_contents(from.get(), to.get(), status.st_size, file.source);
  own(to.get(), "", file.status);
  copy_file_xattrs(from.get(), to.get(), options_.request.keep_owners, file.source);
  const std::array<timespec, 2> times = {time_of(file.status), time_of(file.status)};
  if (::fchmod(to.get(), mode_of(file.status)) != 0 || ::futimens(to.get(), times.data()) != 0) {
    fail("write", {parent_path_, name});
  }
}

void CopyWriter::write_special(const SelectedFile& file, int parent, const std::string& name) {
  const auto& status = file.status;
  const bool is_link = S_ISLNK(status.st_mode);
  const int made = is_link ? ::symlinkat(file.link.c_str(), parent, name.c_str())
                           : ::mknodat(parent, name.c_str(), status.st_mode, status.st_rdev);
  if (made != 0) fail("make", {parent_path_, name});
  own(parent, name, status);
  if (!is_link && oci::chmod_no_follow(parent, name, mode_of(status)) != 0) {
    fail("set the mode of", {parent_path_, name});
  }
  const std::array<timespec, 2> times = {time_of(status), time_of(status)};
  if (::utimensat(parent, name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    fail("set the time of", {parent_path_, name});
  }
}

void CopyWriter::unpack(const SelectedSource& source, const oci::PathNames& target) {
  const auto file = source_.try_open(source.source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const auto folder = target_.try_open(path_text(target), O_RDONLY | O_DIRECTORY);
  if (!file || !folder) fail("unpack into", target);
  std::optional<std::pair<std::uint32_t, std::uint32_t>> owner;
  if (const auto& chown = options_.request.chown) owner.emplace(chown->user, chown->group);
  unpack_archive(file.get(), source.source, folder.get(), owner, options_.stop);
  parent_.reset();
}

void CopyWriter::finish() {
  for (auto folder = folder_times_.rbegin(); folder != folder_times_.rend(); ++folder) {
    const std::array<timespec, 2> times = {folder->second, folder->second};
    const auto fd = target_.try_open(folder->first, O_RDONLY | O_DIRECTORY);
    if (fd && ::futimens(fd.get(), times.data()) != 0 && ::geteuid() == 0) {
      fail("set the time of", {folder->first});
    }
  }
}

}  // namespace stages::dockerfile
