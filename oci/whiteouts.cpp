// SPDX-License-Identifier: Apache-2.0
#include "oci/whiteouts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <vector>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "oci/folder_entries.hpp"
#include "oci/rooted_directory.hpp"

namespace oci {
namespace {

constexpr mode_t kImpliedFolderMode = 0755;

[[noreturn]] void fail(const std::string& name) {
  base::throw_system_error(errno, fmt::format("cannot remove {}", name));
}

/// A folder of a lower layer that goes, but whose place is kept for what this layer put below it:
/// as if it had been made for that. Owners need not be ours to give away.
void reset_folder(int parent, const std::string& name) {
  const bool done =
      (::fchownat(parent, name.c_str(), ::geteuid(), ::getegid(), AT_SYMLINK_NOFOLLOW) == 0 ||
       errno == EPERM) &&
      chmod_no_follow(parent, name, kImpliedFolderMode) == 0;
  if (!done) base::throw_system_error(errno, fmt::format("cannot change folder {}", name));
}

}  // namespace

std::uint64_t LayerContents::key(ino_t parent, std::string_view name) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, to spread inodes.
  return std::hash<std::string_view>{}(name) ^ (static_cast<std::uint64_t>(parent) * kGolden);
}

WhiteoutKind whiteout_kind(std::string_view name) {
  if (!name.starts_with(kWhiteoutPrefix)) return WhiteoutKind::kNone;
  if (name == ".wh..wh..opq") return WhiteoutKind::kOpaque;
  const auto hidden = name.substr(kWhiteoutPrefix.size());
  if (hidden.empty() || hidden == "." || hidden == "..") return WhiteoutKind::kInvalid;
  return WhiteoutKind::kWhiteout;
}

bool remove_below(int parent, const std::string& name, const LayerContents* keep) {
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    fail(name);
  }
  struct stat folder {};
  const bool listed =
      keep != nullptr && ::fstat(parent, &folder) == 0 && keep->has(folder.st_ino, name);
  if (!S_ISDIR(status.st_mode)) {
    if (listed) return true;
    if (::unlinkat(parent, name.c_str(), 0) != 0 && errno != ENOENT) fail(name);
    return false;
  }
  if (keep != nullptr && keep->made_folder(status.st_ino)) return true;
  const base::FileDescriptor fd(
      ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail(name);
  const bool stays = remove_children(fd.get(), keep);
  if (stays && !listed) reset_folder(parent, name);
  if (stays || listed) return true;
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail(name);
  return false;
}

bool remove_children(int fd, const LayerContents* keep) {
  bool stays = false;
  for (const auto& name : names_in(fd, ".")) stays = remove_below(fd, name, keep) || stays;
  return stays;
}

}  // namespace oci
