// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/temp_dir.hpp"
#include "oci/overlay_mount.hpp"
#include "oci/store.hpp"

namespace oci {

/// How an image's layers become a tree.
enum class SnapshotKind {
  kOverlay,    ///< A folder per layer in the store, stacked by overlayfs. Needs the right to mount.
  kDirectory,  ///< One folder, filled in order. Works everywhere; shared with nobody.
};

/// "overlay" or "directory".
std::string_view name_of(SnapshotKind kind);

/// A whole root filesystem, readable at path() while this lives. Its mounts exist in the mount
/// namespace of the caller only.
class Tree {
 public:
  /// An overlay of snapshots of the store (names below `snapshots/`, base first), read-only.
  static Tree of_snapshots(const Store& store, std::vector<std::string> snapshots);
  /// A folder, which goes with the tree.
  static Tree of_directory(base::TempDir directory);

  /// A tree to change, starting as `base`, which stays as it is: an overlay lies over it, a
  /// directory is moved when it was unpacked for this and copied when it was reopened. `folder`,
  /// empty, on the store's file system, is where it lives and outlives this.
  static Tree with_changes(const Store& store, Tree base, const std::filesystem::path& folder);
  /// Ends the changes: `folder` is complete, may be renamed, and reopen() finds the tree in it.
  /// Throws base::Error kIo when a file of it is still open elsewhere.
  void finish();
  /// What finish() left in `folder`, read-only where the kind allows it; nullopt when it is not
  /// whole or snapshots it needs are gone: then the stage that made it must run again.
  static std::optional<Tree> reopen(const Store& store, const std::filesystem::path& folder);

  /// The root folder.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] SnapshotKind kind() const { return kind_; }

 private:
  explicit Tree(SnapshotKind kind) : kind_(kind) {}

  SnapshotKind kind_;
  std::vector<std::string> snapshots_;
  std::vector<std::filesystem::path> uppers_;  ///< Changes over the snapshots, oldest first.
  std::filesystem::path folder_;               ///< Of with_changes(); else empty.
  std::filesystem::path path_;
  std::optional<base::TempDir> directory_;  ///< The tree itself, or where it is mounted.
  std::optional<Mount> mount_;              ///< Dies before the folder it is mounted at.
};

}  // namespace oci
