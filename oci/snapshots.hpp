// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "oci/overlay.hpp"
#include "oci/store.hpp"
#include "oci/unpack.hpp"

namespace oci {

/// How a root file system is kept on disk; the same tree either way.
enum class SnapshotKind {
  kOverlay,    ///< Each layer in a folder of its own, stacked by overlayfs: images share layers.
  kDirectory,  ///< One folder, filled in order: where nothing may be mounted.
};

/// "overlay", "directory".
std::string_view name_of(SnapshotKind kind);

/// Whether overlayfs can be mounted here with the store's file system beneath, found out by doing
/// it. False without a private mount namespace.
bool can_mount_overlay(const Store& store);

/// A complete root file system, readable at path() while this lives.
class Tree {
 public:
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  friend Tree open_tree(const Store& store, const nlohmann::json& record);
  Tree() = default;
  std::filesystem::path path_;
  std::optional<base::TempDir> mount_point_;
  std::optional<OverlayMount> mount_;  // After mount_point_: unmounted first.
};

/// Changes the finished tree, whose root is at the path, before it is kept.
using TreeChange = std::function<void(const std::filesystem::path& root)>;

/// Unpacks an image, changes it, and keeps the result in `folder` (below the store; made here) and,
/// layer by layer, in the store's snapshots, where layers that are there already are not unpacked
/// again. Returns a record for open_tree(). Throws base::Error; nothing half stays at a final name.
nlohmann::json make_tree(const UnpackRun& run, SnapshotKind kind,
                         const std::filesystem::path& folder, const TreeChange& change);

/// Whether all that the record names is there.
bool tree_exists(const Store& store, const nlohmann::json& record);

/// Opens a finished tree to read it. Throws base::Error kIo.
Tree open_tree(const Store& store, const nlohmann::json& record);

}  // namespace oci
