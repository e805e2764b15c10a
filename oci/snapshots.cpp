// SPDX-License-Identifier: Apache-2.0
#include "oci/snapshots.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"

namespace oci {
namespace {

constexpr std::chrono::milliseconds kLockPoll{100};

base::FileDescriptor open_root(const std::filesystem::path& root) {
  base::FileDescriptor fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", root.string()));
  return fd;
}

/// All that was written reaches the disk before a rename says that it is complete.
void sync_file_system(const std::filesystem::path& path) {
  const auto fd = open_root(path);
  if (::syncfs(fd.get()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot sync {}", path.string()));
  }
}

void rename_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  base::remove_tree(to);
  if (::rename(from.c_str(), to.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", to.string()));
  }
  base::sync_path(to.parent_path());
}

std::filesystem::path make_folder(const std::filesystem::path& path) {
  base::make_directories(path);
  return path;
}

/// The digest of a layer with all below it. Source: OCI image-spec, config.md, "Layer ChainID".
std::vector<Digest> chain_ids(const ImageConfig& config) {
  std::vector<Digest> chain;
  for (const auto& diff_id : config.diff_ids) {
    chain.push_back(chain.empty() ? diff_id
                                  : Digest::of(chain.back().text() + " " + diff_id.text()));
  }
  return chain;
}

std::filesystem::path snapshot_path(const Store& store, std::string_view name) {
  return store.root() / "snapshots" / name;
}

base::FileLock lock_snapshot(const Store& store, std::string_view name,
                             const std::stop_token& stop) {
  const auto folder = make_folder(store.root() / "snapshots");
  while (true) {
    if (auto lock = base::FileLock::try_acquire(folder / fmt::format("{}.lock", name))) {
      return std::move(*lock);
    }
    if (stop.stop_requested()) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = "stopped while waiting for another process",
                         .why = "",
                         .hint = ""});
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

/// Folders over which one more layer is written, topmost first.
class LayerStack {
 public:
  explicit LayerStack(const Store& store) : store_(store) {}

  /// Gives `write` the root of an empty layer over the stack, then keeps the layer as `target` and
  /// puts it on top.
  void add(const std::filesystem::path& target, const TreeChange& write) {
    const auto temporary = store_.make_temp_dir("layer");
    const auto upper = make_folder(temporary.path() / "upper");
    if (folders_.empty()) {
      write(upper);
    } else {
      copy_folder_attributes(folders_.front(), upper);
      const auto work = make_folder(temporary.path() / "work");
      const OverlayMount mount(folders_, OverlayMount::Writable{.upper = upper, .work = work},
                               make_folder(temporary.path() / "root"));
      write(mount.path());
    }
    sync_file_system(upper);
    rename_folder(upper, target);
    push(target);
  }
  void push(const std::filesystem::path& folder) { folders_.insert(folders_.begin(), folder); }

 private:
  const Store& store_;
  std::vector<std::filesystem::path> folders_;
};

nlohmann::json make_overlay_tree(const UnpackRun& run, const std::filesystem::path& folder,
                                 const TreeChange& change) {
  LayerStack stack(run.store);
  LayerUsage usage;
  std::uint64_t done = 0;
  nlohmann::json names = nlohmann::json::array();
  const auto chain = chain_ids(run.config);
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const auto name = std::string(chain[i].hex());
    const auto target = snapshot_path(run.store, name);
    const auto lock = lock_snapshot(run.store, name, run.stop);
    if (std::filesystem::exists(target)) {
      stack.push(target);
    } else {
      stack.add(target, [&](const std::filesystem::path& root) {
        unpack_layer(run, i, open_root(root).get(), done, usage);
      });
    }
    done += run.manifest.layers[i].size;
    if (run.progress) run.progress(done, layer_bytes(run.manifest));
    names.push_back(name);
  }
  stack.add(make_folder(folder) / "upper", change);
  return {{"kind", name_of(SnapshotKind::kOverlay)},
          {"layers", names},
          {"upper", std::filesystem::relative(folder / "upper", run.store.root()).string()}};
}

nlohmann::json make_directory_tree(const UnpackRun& run, const std::filesystem::path& folder,
                                   const TreeChange& change) {
  const auto temporary = run.store.make_temp_dir("tree");
  const auto root = make_folder(temporary.path() / "root");
  unpack_layers(run, open_root(root).get());
  change(root);
  sync_file_system(root);
  rename_folder(root, make_folder(folder) / "tree");
  return {{"kind", name_of(SnapshotKind::kDirectory)},
          {"path", std::filesystem::relative(folder / "tree", run.store.root()).string()}};
}

bool is_overlay(const nlohmann::json& record) {
  return record.at("kind").get<std::string>() == name_of(SnapshotKind::kOverlay);
}

/// The folders of an overlay tree, topmost first.
std::vector<std::filesystem::path> overlay_folders(const Store& store,
                                                   const nlohmann::json& record) {
  std::vector<std::filesystem::path> folders;
  for (const auto& name : record.at("layers")) {
    folders.push_back(snapshot_path(store, name.get<std::string>()));
  }
  folders.push_back(store.root() / record.at("upper").get<std::string>());
  std::reverse(folders.begin(), folders.end());
  return folders;
}

}  // namespace

std::string_view name_of(SnapshotKind kind) {
  switch (kind) {
    case SnapshotKind::kOverlay:
      return "overlay";
    case SnapshotKind::kDirectory:
      return "directory";
  }
  return "";
}

bool can_mount_overlay(const Store& store) {
  const auto temporary = store.make_temp_dir("probe");
  const auto make = [&](const char* name) { return make_folder(temporary.path() / name); };
  try {
    const OverlayMount mount({make("lower")},
                             OverlayMount::Writable{.upper = make("upper"), .work = make("work")},
                             make("root"));
    base::write_file_atomically(mount.path() / "probe", "");
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

nlohmann::json make_tree(const UnpackRun& run, SnapshotKind kind,
                         const std::filesystem::path& folder, const TreeChange& change) {
  // An image without layers has nothing to stack.
  if (kind == SnapshotKind::kOverlay && !run.manifest.layers.empty()) {
    return make_overlay_tree(run, folder, change);
  }
  return make_directory_tree(run, folder, change);
}

bool tree_exists(const Store& store, const nlohmann::json& record) {
  if (!is_overlay(record)) {
    return std::filesystem::exists(store.root() / record.at("path").get<std::string>());
  }
  const auto folders = overlay_folders(store, record);
  return std::all_of(folders.begin(), folders.end(), [](const std::filesystem::path& folder) {
    return std::filesystem::exists(folder);
  });
}

Tree open_tree(const Store& store, const nlohmann::json& record) {
  Tree tree;
  if (!is_overlay(record)) {
    tree.path_ = store.root() / record.at("path").get<std::string>();
    return tree;
  }
  tree.mount_point_ = store.make_temp_dir("tree");
  tree.mount_.emplace(overlay_folders(store, record), std::nullopt, tree.mount_point_->path());
  tree.path_ = tree.mount_->path();
  return tree;
}

}  // namespace oci
