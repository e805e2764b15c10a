// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"

namespace oci {

/// The names of a path, without "", "." and with ".." worked off inside the root.
using PathNames = std::vector<std::string>;

/// "/a/./b/../../../c" is {"c"}: a path of an image can lead no higher than its root.
PathNames clean_path(std::string_view path);
std::string join(const PathNames& names);

/// A folder that stands for "/": every path is resolved beneath it by the kernel, symlinks included
/// (openat2 with RESOLVE_IN_ROOT), so that nothing an image holds leads out, not even while
/// another process swaps folders for symlinks. Source: openat2(2).
class RootedDirectory {
 public:
  /// `root` is not owned. `name` is for messages.
  RootedDirectory(int root, std::string name) : root_(root), name_(std::move(name)) {}

  /// The folder (O_PATH), or none with errno set. `path` may hold "..".
  [[nodiscard]] base::FileDescriptor try_open_folder(const std::string& path) const;
  /// The same where no name on the way is a symlink; ELOOP where one is.
  [[nodiscard]] base::FileDescriptor try_open_plain_folder(const std::string& path) const;
  /// As above for anything; `flags` as open(2) takes them, O_CLOEXEC is added.
  [[nodiscard]] base::FileDescriptor try_open(const std::string& path, int flags) const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] base::FileDescriptor try_open(const std::string& path, int flags,
                                              unsigned resolve) const;

  int root_;
  std::string name_;
};

/// chmod of `name` in the folder `parent`, never of what a symlink there leads to. 0, or -1 with
/// errno set. Needs /proc.
int chmod_no_follow(int parent, const std::string& name, mode_t mode);

}  // namespace oci
