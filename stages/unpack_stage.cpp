// SPDX-License-Identifier: Apache-2.0
#include "stages/unpack_stage.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/pull.hpp"
#include "stages/image_record.hpp"
#include "stages/overlay_copy.hpp"
#include "stages/root_tree.hpp"

namespace stages {
namespace {

std::filesystem::path folder_of(const oci::Store& store, const Record& record) {
  return store.root() / record.at("folder").get<std::string>();
}

/// Keeps a finished tree where the next build looks for it.
void keep(base::TempDir made, const std::filesystem::path& folder) {
  base::remove_tree(folder);
  if (std::rename(made.path().c_str(), folder.c_str()) != 0) {
    base::throw_system_error(errno, fmt::format("cannot move {} into place", folder.string()));
  }
  made.release();
}

}  // namespace

std::string bundle_input(std::size_t index) { return fmt::format("bundle-{}", index); }

std::vector<std::string> UnpackStage::inputs() const {
  std::vector<std::string> names = {"image"};
  for (std::size_t i = 0; i < options_.bundles; ++i) names.push_back(bundle_input(i));
  return names;
}

nlohmann::json UnpackStage::parameters() const {
  const auto& changes = options_.changes;
  nlohmann::json parameters = {{"epoch", changes.epoch},
                               {"owners", options_.layers.keep_owners},
                               {"devices", !options_.layers.skip_devices}};
  if (changes.os_release) parameters["osRelease"] = *changes.os_release;
  if (changes.kairos_release) parameters["kairosRelease"] = *changes.kairos_release;
  if (options_.overlay_digest) parameters["overlay"] = options_.overlay_digest->text();
  return parameters;
}

bool UnpackStage::still_valid(const Record& record, const oci::Store& store) const {
  const bool overlay = record.at("kind") == oci::name_of(oci::SnapshotKind::kOverlay);
  return (options_.may_mount || !overlay) &&
         oci::Tree::reopen(store, folder_of(store, record)).has_value();
}

Record UnpackStage::run(const StageContext& context, const Inputs& inputs,
                        const oci::Digest& fingerprint) const {
  const auto manifest = oci::read_manifest(context.store, image_of(inputs.at("image")));
  const auto config = oci::read_config(context.store, manifest);
  const auto obstacle = options_.may_mount ? oci::overlay_obstacle(context.store)
                                           : std::optional<std::string>("nothing may be mounted");
  context.observer.fact(obstacle ? fmt::format("layers go into one directory: {}", *obstacle)
                                 : "layers are stacked by overlayfs");
  std::uint64_t total = 0;
  for (const auto& layer : manifest.layers) total += layer.size;
  std::uint64_t done = 0;
  const oci::UnpackContext unpack{
      .options = options_.layers,
      .progress = [&](std::uint64_t bytes) { context.observer.progress(done += bytes, total); },
      .warn = [&](const std::string& text) { context.observer.warning(text); },
      .stop = context.stop};
  auto made = context.store.make_temp_dir("tree");
  const auto kind = [&] {
    auto tree = oci::Tree::with_changes(
        context.store,
        oci::unpack_image(context.store, manifest, config,
                          obstacle ? oci::SnapshotKind::kDirectory : oci::SnapshotKind::kOverlay,
                          unpack),
        made.path());
    for (std::size_t i = 0; i < options_.bundles; ++i) {
      lay_bundle(context, inputs.at(bundle_input(i)), tree.kind(), tree.path());
    }
    finish_tree(tree.path(), options_.changes, context.stop);
    tree.finish();
    return tree.kind();
  }();
  const auto folder = context.store.result_folder(fingerprint);
  keep(std::move(made), folder);
  return {{"kind", oci::name_of(kind)},
          {"folder", std::filesystem::relative(folder, context.store.root()).string()}};
}

/// The bundle is a whole of its own first: what its layers remove is of its own layers.
void UnpackStage::lay_bundle(const StageContext& context, const Record& bundle,
                             oci::SnapshotKind kind, const std::filesystem::path& root) const {
  const auto manifest = oci::read_manifest(context.store, image_of(bundle));
  const auto config = oci::read_config(context.store, manifest);
  const oci::UnpackContext unpack{
      .options = options_.layers,
      .progress = {},
      .warn = [&](const std::string& text) { context.observer.warning(text); },
      .stop = context.stop};
  const auto tree = oci::unpack_image(context.store, manifest, config, kind, unpack);
  copy_overlay(tree.path(), RootTree(root), context.stop);
  context.observer.fact(
      fmt::format("bundle {} lies over it", bundle.at("reference").get<std::string>()));
}

oci::Tree open_tree(const oci::Store& store, const Record& unpack_record) {
  const auto folder = folder_of(store, unpack_record);
  if (auto tree = oci::Tree::reopen(store, folder)) return std::move(*tree);
  throw base::Error({.code = base::ErrorCode::kIo,
                     .what = fmt::format("the unpacked image in {} is gone", folder.string()),
                     .why = "something removed it while the build ran",
                     .hint = "run the same command again"});
}

}  // namespace stages
