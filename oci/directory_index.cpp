// SPDX-License-Identifier: Apache-2.0
#include "oci/directory_index.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/limits.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "oci/folder_entries.hpp"
#include "oci/rooted_directory.hpp"

namespace oci {
namespace {

constexpr std::chrono::milliseconds kTick{20};

[[noreturn]] void fail(const std::string& path) {
  base::throw_system_error(errno, fmt::format("cannot read /{}", path));
}

std::int64_t nanoseconds(const struct statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

/// The owner, time and xattrs of a folder, in a form of our own.
std::string attributes_of(int folder, const std::string& name, const struct statx& status) {
  auto text =
      fmt::format("{} {} {}", status.stx_uid, status.stx_gid, nanoseconds(status.stx_mtime));
  const auto path = fmt::format("/proc/self/fd/{}/{}", folder, name);
  const auto bytes = ::llistxattr(path.c_str(), nullptr, 0);
  if (bytes <= 0) return text;
  std::string names(static_cast<std::size_t>(bytes), '\0');
  const auto filled = ::llistxattr(path.c_str(), names.data(), names.size());
  if (filled < 0) return text;
  names.resize(static_cast<std::size_t>(filled));
  text += names;
  for (std::size_t at = 0; at < names.size();
       at += std::char_traits<char>::length(&names[at]) + 1) {
    std::string value(XATTR_SIZE_MAX, '\0');
    const auto size = ::lgetxattr(path.c_str(), &names[at], value.data(), value.size());
    if (size > 0) text += value.substr(0, static_cast<std::size_t>(size));
    text += '\0';
  }
  return text;
}

DirectoryIndex::Seen look(int folder, const std::string& name, const std::string& path) {
  struct statx status {};
  constexpr unsigned kWanted = STATX_TYPE | STATX_MODE | STATX_INO | STATX_CTIME | STATX_BTIME |
                               STATX_UID | STATX_GID | STATX_MTIME;
  if (::statx(folder, name.c_str(), AT_SYMLINK_NOFOLLOW, kWanted, &status) != 0) fail(path + name);
  const bool knows_birth = (status.stx_mask & STATX_BTIME) != 0;
  return {.inode = status.stx_ino,
          .mode = status.stx_mode,
          .changed_ns = nanoseconds(status.stx_ctime),
          .born_ns = knows_birth ? nanoseconds(status.stx_btime) : 0,
          .attributes = S_ISDIR(status.stx_mode) ? attributes_of(folder, name, status) : ""};
}

base::FileDescriptor open_folder(int parent, const std::string& name, const std::string& path) {
  base::FileDescriptor fd(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail(path + name);
  return fd;
}

void check_stop(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw base::Error({.code = base::ErrorCode::kInterrupted,
                     .what = "stopped while changes were looked for",
                     .why = "",
                     .hint = ""});
}

/// Compares a tree with its index and writes what differs.
class ChangeWriter {
 public:
  ChangeWriter(const DirectoryIndex& before, TarStream& tar, const DiffOptions& options)
      : before_(before), options_(options), writer_(tar, options) {}

  /// `fresh`: the folder was not there before; what the index knows of its path is gone.
  void write_children(int folder, const std::string& path, bool fresh) {
    check_stop(options_.stop);
    struct stat own {};
    if (::fstat(folder, &own) != 0) fail(path);
    static const DirectoryIndex::Names kNone;
    const auto& then = fresh ? kNone : before_.names_in(path);
    DirectoryIndex::Names now;
    for (const auto& name : names_in(folder, path)) now.emplace(name, look(folder, name, path));
    for (const auto& [name, seen] : then) {
      if (now.contains(name)) continue;
      write_parents();
      writer_.write_whiteout(path, name, own);
    }
    for (const auto& [name, seen] : now) {
      const auto found = then.find(name);
      write_name(folder, path, name, seen, found == then.end() ? nullptr : &found->second);
    }
  }

 private:
  /// A folder that has not changed, and is written only if something below it has.
  struct Pending {
    int parent = -1;
    std::string name;
    std::string path;
    bool written = false;
  };

  void write_name(int folder, const std::string& path, const std::string& name,
                  const DirectoryIndex::Seen& now, const DirectoryIndex::Seen* then) {
    if (!S_ISDIR(now.mode)) {
      if (then == nullptr || *then != now) write_file(folder, path, name);
      return;
    }
    const bool was_folder = then != nullptr && S_ISDIR(then->mode);
    const bool same_folder = was_folder && then->inode == now.inode && then->born_ns == now.born_ns;
    const auto full = path + name + "/";
    const auto fd = open_folder(folder, name, path);
    pending_.push_back({.parent = folder, .name = name, .path = full});
    const bool as_it_was =
        same_folder && then->mode == now.mode && then->attributes == now.attributes;
    if (!as_it_was) write_parents();
    if (was_folder && !same_folder) {
      struct stat own {};
      if (::fstat(fd.get(), &own) != 0) fail(full);
      writer_.write_whiteout(full, "", own);
    }
    write_children(fd.get(), full, /*fresh=*/!same_folder);
    pending_.pop_back();
  }

  void write_file(int folder, const std::string& path, const std::string& name) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail(path + name);
    write_parents();
    writer_.write(folder, name, path + name, status);
  }

  void write_parents() {
    for (auto& pending : pending_) {
      if (std::exchange(pending.written, true)) continue;
      struct stat status {};
      if (::fstatat(pending.parent, pending.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        fail(pending.path);
      }
      writer_.write_folder(writer_.read_folder(pending.parent, pending.name, pending.path, status));
    }
  }

  const DirectoryIndex& before_;
  const DiffOptions& options_;
  EntryWriter writer_;
  std::vector<Pending> pending_;
};

}  // namespace

DirectoryIndex DirectoryIndex::of(int root, const std::stop_token& stop) {
  DirectoryIndex index;
  const auto walk = [&](const auto& self, int folder, const std::string& path) -> void {
    check_stop(stop);
    Names names;
    for (const auto& name : oci::names_in(folder, path)) {
      names.emplace(name, look(folder, name, path));
    }
    for (const auto& [name, seen] : names) {
      if (S_ISDIR(seen.mode)) self(self, open_folder(folder, name, path).get(), path + name + "/");
    }
    index.folders_.emplace(path, std::move(names));
  };
  walk(walk, root, "");
  return index;
}

void DirectoryIndex::refresh(int root, const std::string& path) {
  const auto slash = path.rfind('/');
  const auto folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  const auto names = folders_.find(folder);
  if (names == folders_.end()) return;
  const auto seen = names->second.find(name);
  if (seen == names->second.end()) return;
  const auto parent = RootedDirectory(root, "/").try_open(folder, O_RDONLY | O_DIRECTORY);
  struct stat status {};
  if (!parent || ::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  auto now = look(parent.get(), name, folder);
  if (now.inode == seen->second.inode) seen->second = std::move(now);
}

const DirectoryIndex::Names& DirectoryIndex::names_in(const std::string& folder) const {
  static const Names kNone;
  const auto found = folders_.find(folder);
  return found == folders_.end() ? kNone : found->second;
}

void write_changes(int root, const DirectoryIndex& before, TarStream& tar,
                   const DiffOptions& options) {
  ChangeWriter(before, tar, options).write_children(root, "", /*fresh=*/false);
}

void wait_for_clock() { std::this_thread::sleep_for(kTick); }

}  // namespace oci
