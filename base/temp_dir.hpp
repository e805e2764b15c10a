// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

namespace base {

/// A private folder (mode 0700) that is removed with all it holds when the object dies.
/// Nothing is mounted inside it, or it stays: removal never crosses a file system border.
class TempDir {
 public:
  /// Makes `parent`/`prefix`.XXXXXX. `parent` must exist. Throws Error kIo or kNoSpace.
  TempDir(const std::filesystem::path& parent, std::string_view prefix);
  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&& other) noexcept;
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Gives the folder up: it stays. For folders that were renamed into place.
  void release() noexcept { path_.clear(); }

 private:
  std::filesystem::path path_;
};

/// $TMPDIR, or /var/tmp: what goes there can be large.
std::filesystem::path temp_root();

/// Removes `path` and all below it without following links and without crossing onto another file
/// system; folders without write permission are opened up first. Missing is fine.
/// Throws Error kIo naming the first path that could not be removed.
void remove_tree(const std::filesystem::path& path);

}  // namespace base
