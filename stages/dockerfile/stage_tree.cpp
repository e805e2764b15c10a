// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/stage_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/copy_tree.hpp"
#include "oci/directory_index.hpp"
#include "oci/folder_attributes.hpp"
#include "oci/folder_entries.hpp"
#include "oci/linked_names.hpp"
#include "oci/overlay_mount.hpp"
#include "oci/snapshots.hpp"

namespace stages::dockerfile {
namespace {

namespace fs = std::filesystem;

base::FileDescriptor open_folder(int parent, const std::string& name) {
  base::FileDescriptor fd(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", name));
  return fd;
}

base::FileDescriptor open_folder(const fs::path& folder) {
  return open_folder(AT_FDCWD, folder.string());
}

/// The folder `name` of the tree below, or none.
base::FileDescriptor folder_below(int lower, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  return base::FileDescriptor(lower < 0 ? -1 : ::openat(lower, name.c_str(), kFlags));
}

/// A folder that was copied up because of what is in it, and is as it was: no layer has it.
bool is_as_it_was(const struct stat& status, int below) {
  struct stat then {};
  return below >= 0 && ::fstat(below, &then) == 0 && then.st_mode == status.st_mode &&
         then.st_uid == status.st_uid && then.st_gid == status.st_gid &&
         then.st_mtim.tv_sec == status.st_mtim.tv_sec &&
         then.st_mtim.tv_nsec == status.st_mtim.tv_nsec;
}

/// Gives what is in `folder` the times that it has in its layer: whole seconds, not younger than
/// the epoch. `lower`: the same folder of the tree below, or -1.
void settle_times(int folder, int lower, std::optional<std::int64_t> epoch) {
  for (const auto& name : oci::names_in(folder, "")) {
    struct stat status {};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      base::throw_system_error(errno, fmt::format("cannot read the times of {}", name));
    }
    if (S_ISDIR(status.st_mode)) {
      const auto below = folder_below(lower, name);
      settle_times(open_folder(folder, name).get(), below.get(), epoch);
      if (is_as_it_was(status, below.get())) continue;
    }
    const bool whiteout = S_ISCHR(status.st_mode) && status.st_rdev == 0;
    const bool young = epoch && status.st_mtim.tv_sec > *epoch;
    if (whiteout || (status.st_mtim.tv_nsec == 0 && !young)) continue;
    const auto second = young ? static_cast<time_t>(*epoch) : status.st_mtim.tv_sec;
    const struct timespec times[2] = {{.tv_sec = second, .tv_nsec = 0},
                                      {.tv_sec = second, .tv_nsec = 0}};
    if (::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
      base::throw_system_error(errno, fmt::format("cannot set the times of {}", name));
    }
  }
}

/// The diff id of a layer in which nothing is.
oci::Digest empty_diff_id() {
  oci::Hasher hasher;
  oci::TarStream tar([&](std::span<const std::byte> data) { hasher.update(data); });
  tar.finish();
  return hasher.finish();
}

std::optional<oci::MadeLayer> unless_empty(oci::MadeLayer layer) {
  static const auto kEmpty = empty_diff_id();
  return layer.diff_id == kEmpty ? std::nullopt : std::optional(std::move(layer));
}

/// Whether an overlay has changed lower files that have several names.
bool has_changed_links(const fs::path& index) {
  std::error_code none;  // No index: links are not kept here.
  return fs::is_directory(index, none) && !fs::is_empty(index, none);
}

/// A folder per layer in the store; a step is an overlay over them, and its upper folder is the
/// snapshot of the layer that it becomes.
class OverlayTree final : public StageTree {
 public:
  OverlayTree(oci::Store& store, Options options) : store_(store), options_(std::move(options)) {}

  [[nodiscard]] oci::SnapshotKind kind() const override { return oci::SnapshotKind::kOverlay; }

  void catch_up(const ImageDraft& image) override {
    if (diff_ids_.size() == image.diff_ids().size()) return;
    const auto manifest = image.manifest();
    oci::prepare_snapshots(store_, manifest, image.image_config(), options_.unpack);
    diff_ids_ = image.diff_ids();
    folders_.clear();
    for (const auto& id : oci::chain_ids(diff_ids_)) folders_.push_back(folder_of(id));
    reading_.reset();
  }

  std::unique_ptr<StageTree> copy() override {
    auto other = std::make_unique<OverlayTree>(store_, options_);
    other->diff_ids_ = diff_ids_;
    other->folders_ = folders_;
    return other;
  }

  const fs::path& files() override {
    if (reading_) return reading_->path;
    reading_.emplace(store_.make_temp_dir("tree"));
    if (folders_.empty()) {
      oci::make_root_folder(reading_->path);
    } else {
      base::make_directories(reading_->path);
      reading_->mount =
          folders_.size() == 1
              ? oci::mount_read_only(folders_.front(), reading_->path)
              : oci::mount_overlay({.lower = folders_, .upper = {}, .work = {}}, reading_->path);
    }
    return reading_->path;
  }

  const fs::path& begin_step() override {
    static_cast<void>(files());  // What the changes are compared with.
    step_.emplace(store_.make_temp_dir("step"));
    const auto& temp = step_->folder.path();
    for (const auto* name : {"fs", "work", "merged"}) base::make_directories(temp / name);
    oci::copy_folder_attributes(top(), temp / "fs");
    step_->path = temp / "merged";
    step_->mount = oci::mount_overlay_keeping_links(
        {.lower = folders_.empty() ? std::vector{reading_->path} : folders_,
         .upper = temp / "fs",
         .work = temp / "work"},
        step_->path);
    return step_->path;
  }

  std::optional<oci::MadeLayer> end_step(const std::vector<std::string>& /*hidden*/) override {
    if (has_changed_links(step_->folder.path() / "work/index")) {
      oci::copy_up_linked_names(open_folder(reading_->path).get(), open_folder(step_->path).get(),
                                options_.unpack.stop);
    }
    auto made = std::move(step_->folder);
    step_->mount.unmount();
    step_.reset();
    const auto upper = made.path() / "fs";
    if (fs::is_empty(upper)) return std::nullopt;
    const auto upper_fd = open_folder(upper);
    const auto lower_fd = open_folder(reading_->path);
    settle_times(upper_fd.get(), lower_fd.get(), options_.epoch);
    auto layer = unless_empty(oci::make_layer(store_, options_.packing, [&](oci::TarStream& tar) {
      oci::write_upper(
          lower_fd.get(), upper_fd.get(), tar,
          {.epoch = options_.epoch, .warn = options_.unpack.warn, .stop = options_.unpack.stop});
    }));
    if (!layer) return std::nullopt;
    oci::copy_folder_attributes(top(), upper);  // No layer has an entry for the root.
    base::remove_tree(made.path() / "work");
    base::remove_tree(made.path() / "merged");
    diff_ids_.push_back(layer->diff_id);
    const auto chain_id = oci::chain_ids(diff_ids_).back();
    oci::keep_snapshot(store_, oci::snapshot_name(chain_id, options_.unpack.options),
                       std::move(made), options_.unpack.stop);
    folders_.push_back(folder_of(chain_id));
    reading_.reset();
    return layer;
  }

 private:
  /// Something mounted; the mount goes before its folder.
  struct Mounted {
    explicit Mounted(base::TempDir temp) : folder(std::move(temp)), path(folder.path() / "fs") {}
    base::TempDir folder;
    fs::path path;
    oci::Mount mount;
  };

  [[nodiscard]] fs::path folder_of(const oci::Digest& chain_id) const {
    return store_.root() / "snapshots" / oci::snapshot_name(chain_id, options_.unpack.options) /
           "fs";
  }
  [[nodiscard]] const fs::path& top() const {
    return folders_.empty() ? reading_->path : folders_.back();
  }

  oci::Store& store_;
  Options options_;
  std::vector<oci::Digest> diff_ids_;
  std::vector<fs::path> folders_;  ///< Of the layers, base first.
  std::optional<Mounted> reading_;
  std::optional<Mounted> step_;
};

/// One folder, filled and changed in place; what a step changed is found by comparing.
class DirectoryTree final : public StageTree {
 public:
  DirectoryTree(oci::Store& store, Options options)
      : store_(store),
        options_(std::move(options)),
        folder_(store.make_temp_dir("tree")),
        path_(folder_.path() / "fs") {
    oci::make_root_folder(path_);
  }

  [[nodiscard]] oci::SnapshotKind kind() const override { return oci::SnapshotKind::kDirectory; }

  void catch_up(const ImageDraft& image) override {
    if (layers_ == image.layers().size()) return;
    oci::LayerQueue queue(store_, options_.unpack,
                          oci::layers_of(image.manifest(), image.image_config()));
    const auto root = open_folder(path_);
    for (; layers_ < queue.layers().size(); ++layers_) queue.unpack(layers_, root.get());
  }

  std::unique_ptr<StageTree> copy() override {
    auto other = std::make_unique<DirectoryTree>(store_, options_);
    oci::copy_tree(path_, other->path_);
    other->layers_ = layers_;
    return other;
  }

  const fs::path& files() override { return path_; }

  const fs::path& begin_step() override {
    before_ = oci::DirectoryIndex::of(open_folder(path_).get(), options_.unpack.stop);
    oci::wait_for_clock();
    return path_;
  }

  std::optional<oci::MadeLayer> end_step(const std::vector<std::string>& hidden) override {
    for (const auto& path : hidden) before_->refresh(open_folder(path_).get(), path);
    auto layer = unless_empty(oci::make_layer(store_, options_.packing, [&](oci::TarStream& tar) {
      oci::write_changes(
          open_folder(path_).get(), *before_, tar,
          {.epoch = options_.epoch, .warn = options_.unpack.warn, .stop = options_.unpack.stop});
    }));
    before_.reset();
    if (layer) ++layers_;
    return layer;
  }

 private:
  oci::Store& store_;
  Options options_;
  base::TempDir folder_;
  fs::path path_;
  std::size_t layers_ = 0;
  std::optional<oci::DirectoryIndex> before_;
};

}  // namespace

std::unique_ptr<StageTree> make_stage_tree(oci::Store& store, oci::SnapshotKind kind,
                                           StageTree::Options options) {
  if (kind == oci::SnapshotKind::kOverlay) {
    return std::make_unique<OverlayTree>(store, std::move(options));
  }
  return std::make_unique<DirectoryTree>(store, std::move(options));
}

}  // namespace stages::dockerfile
