// SPDX-License-Identifier: Apache-2.0
#include "oci/snapshots.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/boot_marker.hpp"
#include "oci/folder_attributes.hpp"
#include "oci/store_paths.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLockPoll{50};

base::FileDescriptor open_root(const fs::path& folder) {
  base::FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", folder.string()));
  return fd;
}

/// The lock of one snapshot, once no other process has it.
base::FileLock lock_snapshot(const Store& store, const std::string& name,
                             const std::stop_token& stop) {
  const auto path = store.root() / "tmp" / fmt::format("{}{}", name, kSnapshotLockSuffix);
  while (true) {
    if (auto lock = base::FileLock::try_acquire(path)) return std::move(*lock);
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = "stopped while another process unpacked a layer",
                         .why = "",
                         .hint = ""});
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

void put_into_place(base::TempDir made, const fs::path& folder) {
  mark_finished(made.path());
  if (::rename(made.path().c_str(), folder.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", folder.string()));
  }
  made.release();
}

/// Builds the snapshots of one image, base first.
class SnapshotBuilder {
 public:
  SnapshotBuilder(Store& store, const UnpackContext& context, std::vector<ImageLayer> layers)
      : store_(store), context_(context), layers_(store, context, std::move(layers)) {}

  /// Makes the snapshot of layer number `index` over those made before, unless it is there.
  void add(std::size_t index, const Digest& chain_id) {
    const auto name = snapshot_name(chain_id, context_.options);
    const auto folder = store_.root() / "snapshots" / name;
    if (is_finished(folder)) {
      skip(index);
    } else {
      const auto lock = lock_snapshot(store_, name, context_.stop);
      if (is_finished(folder)) {
        skip(index);
      } else {
        make(index, folder);
      }
    }
    names_.push_back(name);
    folders_.push_back(folder / "fs");
  }

  [[nodiscard]] std::vector<std::string> names() && { return std::move(names_); }

 private:
  void skip(std::size_t index) const {
    if (context_.progress) context_.progress(layers_.layers()[index].blob.size);
  }

  void make(std::size_t index, const fs::path& folder) {
    base::remove_tree(folder);  // Of another boot, and perhaps not all on disk.
    auto temp = store_.make_temp_dir("snapshot");
    if (folders_.empty()) {
      make_root_folder(temp.path() / "fs");
      layers_.unpack(index, open_root(temp.path() / "fs").get());
    } else {
      unpack_over(index, temp.path());
    }
    put_into_place(std::move(temp), folder);
  }

  /// Writes the layer through an overlay of the lower ones: its symlinks and hardlinks see them,
  /// and the kernel notes in the upper folder what the layer hides.
  void unpack_over(std::size_t index, const fs::path& temp) {
    for (const auto* name : {"fs", "work", "merged"}) base::make_directories(temp / name);
    copy_folder_attributes(folders_.back(), temp / "fs");
    auto mount = mount_overlay({.lower = folders_, .upper = temp / "fs", .work = temp / "work"},
                               temp / "merged");
    layers_.unpack(index, open_root(temp / "merged").get());
    mount.unmount();
    base::remove_tree(temp / "work");
    base::remove_tree(temp / "merged");
  }

  Store& store_;
  const UnpackContext& context_;
  LayerQueue layers_;
  std::vector<std::string> names_;
  std::vector<fs::path> folders_;
};

/// The names of the snapshots of an image, base first.
std::vector<std::string> make_snapshots(Store& store, std::vector<ImageLayer> layers,
                                        const ImageConfig& config, const UnpackContext& context) {
  SnapshotBuilder builder(store, context, std::move(layers));
  const auto ids = chain_ids(config.diff_ids);
  for (std::size_t i = 0; i < ids.size(); ++i) builder.add(i, ids[i]);
  return std::move(builder).names();
}

}  // namespace

std::optional<std::string> overlay_obstacle(const Store& store) {
  const auto scratch = store.make_temp_dir("probe");
  return overlay_obstacle(scratch.path());
}

std::string snapshot_name(const Digest& chain_id, const LayerOptions& options) {
  return fmt::format("{}{}{}", chain_id.hex(), options.keep_owners ? "" : "-unowned",
                     options.skip_devices ? "-nodev" : "");
}

void keep_snapshot(const Store& store, const std::string& name, base::TempDir made,
                   const std::stop_token& stop) {
  const auto folder = store.root() / "snapshots" / name;
  const auto lock = lock_snapshot(store, name, stop);
  if (is_finished(folder)) return;
  base::remove_tree(folder);
  put_into_place(std::move(made), folder);
}

std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids) {
  std::vector<Digest> ids;
  for (const auto& diff_id : diff_ids) {
    ids.push_back(ids.empty() ? diff_id : Digest::of(ids.back().text() + " " + diff_id.text()));
  }
  return ids;
}

void unpack_into(Store& store, const Manifest& manifest, const ImageConfig& config,
                 const fs::path& folder, const UnpackContext& context) {
  const auto root = open_root(folder);
  LayerQueue layers(store, context, layers_of(manifest, config));
  for (std::size_t i = 0; i < layers.layers().size(); ++i) layers.unpack(i, root.get());
}

void prepare_snapshots(Store& store, const Manifest& manifest, const ImageConfig& config,
                       const UnpackContext& context) {
  auto layers = layers_of(manifest, config);
  if (layers.size() > kMaxOverlayLayers) return;
  static_cast<void>(make_snapshots(store, std::move(layers), config, context));
}

Tree unpack_image(Store& store, const Manifest& manifest, const ImageConfig& config,
                  SnapshotKind kind, const UnpackContext& context) {
  auto layers = layers_of(manifest, config);
  if (kind == SnapshotKind::kOverlay && layers.size() > kMaxOverlayLayers) {
    context.warn(
        fmt::format("the image has {} layers and overlayfs stacks {} at most: it becomes a "
                    "directory of its own",
                    layers.size(), kMaxOverlayLayers));
    kind = SnapshotKind::kDirectory;
  }
  if (kind == SnapshotKind::kDirectory) {
    auto directory = store.make_temp_dir("tree");
    make_root_folder(directory.path() / "fs");
    unpack_into(store, manifest, config, directory.path() / "fs", context);
    return Tree::of_directory(std::move(directory));
  }
  return Tree::of_snapshots(store, make_snapshots(store, std::move(layers), config, context));
}

}  // namespace oci
