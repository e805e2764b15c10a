// SPDX-License-Identifier: Apache-2.0
#include "oci/tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/boot_marker.hpp"
#include "oci/copy_tree.hpp"
#include "oci/folder_attributes.hpp"
#include "oci/json.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecord = "tree.json";
constexpr std::size_t kMaxRecordBytes = 1U << 20;

std::vector<fs::path> lower_folders(const Store& store, const std::vector<std::string>& snapshots,
                                    const std::vector<fs::path>& uppers) {
  std::vector<fs::path> folders;
  for (const auto& name : snapshots) folders.push_back(store.root() / "snapshots" / name / "fs");
  folders.insert(folders.end(), uppers.begin(), uppers.end());
  return folders;
}

Mount mount_lower(const std::vector<fs::path>& folders, const fs::path& at) {
  if (folders.size() == 1) return mount_read_only(folders.front(), at);
  return mount_overlay({.lower = folders, .upper = {}, .work = {}}, at);
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  base::throw_system_error(errno, fmt::format("cannot move {} to {}", from.string(), to.string()));
}

}  // namespace

std::string_view name_of(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::kOverlay:
      return "overlay";
    case SnapshotKind::kDirectory:
      return "directory";
  }
  return "directory";
}

Tree Tree::of_snapshots(const Store& store, std::vector<std::string> snapshots) {
  Tree tree(SnapshotKind::kOverlay);
  tree.snapshots_ = std::move(snapshots);
  tree.directory_ = store.make_temp_dir("tree");
  tree.path_ = tree.directory_->path() / "fs";
  base::make_directories(tree.path_);
  const auto folders = lower_folders(store, tree.snapshots_, {});
  if (!folders.empty()) tree.mount_ = mount_lower(folders, tree.path_);
  return tree;
}

Tree Tree::of_directory(base::TempDir directory) {
  Tree tree(SnapshotKind::kDirectory);
  tree.path_ = directory.path() / "fs";
  tree.directory_ = std::move(directory);
  return tree;
}

Tree Tree::with_changes(const Store& store, Tree base, const fs::path& folder) {
  Tree tree(base.kind_);
  tree.folder_ = folder;
  tree.snapshots_ = base.snapshots_;
  tree.uppers_ = base.uppers_;
  const bool stacked = base.kind_ == SnapshotKind::kOverlay && base.mount_;
  if (!stacked) {
    tree.path_ = folder / "fs";
    if (base.directory_) {
      rename_or_throw(base.path_, tree.path_);
    } else {  // Reopened: somebody else's result, which stays.
      base::make_directories(tree.path_);
      copy_tree(base.path_, tree.path_);
    }
    return tree;
  }
  base::make_directories(folder / "fs");
  base::make_directories(folder / "work");
  copy_folder_attributes(base.path_, folder / "fs");
  tree.directory_ = store.make_temp_dir("tree");
  tree.path_ = tree.directory_->path() / "fs";
  base::make_directories(tree.path_);
  tree.mount_ = mount_overlay({.lower = lower_folders(store, tree.snapshots_, tree.uppers_),
                               .upper = folder / "fs",
                               .work = folder / "work"},
                              tree.path_);
  return tree;
}

void Tree::finish() {
  if (mount_) mount_->unmount();
  base::remove_tree(folder_ / "work");
  nlohmann::json record = {{"kind", name_of(kind_)}, {"snapshots", snapshots_}};
  for (const auto& upper : uppers_) record["uppers"].push_back(upper.string());
  base::write_file_atomically(folder_ / kRecord, record.dump());
  mark_finished(folder_);
  path_.clear();
}

std::optional<Tree> Tree::reopen(const Store& store, const fs::path& folder) {
  const auto text = base::read_file_if_exists(folder / kRecord, kMaxRecordBytes);
  if (!text || !is_finished(folder)) return std::nullopt;
  const auto record = parse_json(*text, (folder / kRecord).string());
  Tree tree(record.value("kind", "") == name_of(SnapshotKind::kOverlay) ? SnapshotKind::kOverlay
                                                                        : SnapshotKind::kDirectory);
  tree.snapshots_ = record.value("snapshots", std::vector<std::string>());
  for (const auto& upper : record.value("uppers", std::vector<std::string>())) {
    tree.uppers_.emplace_back(upper);
  }
  tree.uppers_.push_back(folder / "fs");
  const auto gone = [](const fs::path& path) { return !fs::is_directory(path); };
  auto folders = lower_folders(store, tree.snapshots_, tree.uppers_);
  if (std::any_of(folders.begin(), folders.end(), gone)) return std::nullopt;
  for (const auto& name : tree.snapshots_) {
    if (!is_finished(store.root() / "snapshots" / name)) return std::nullopt;
  }
  if (tree.kind_ == SnapshotKind::kDirectory) {
    tree.path_ = folder / "fs";
    return tree;
  }
  tree.directory_ = store.make_temp_dir("tree");
  tree.path_ = tree.directory_->path() / "fs";
  base::make_directories(tree.path_);
  tree.mount_ = mount_lower(folders, tree.path_);
  return tree;
}

}  // namespace oci
