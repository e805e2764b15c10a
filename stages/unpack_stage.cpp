// SPDX-License-Identifier: Apache-2.0
#include "stages/unpack_stage.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "oci/pull.hpp"
#include "stages/pull_stage.hpp"

namespace stages {

nlohmann::json UnpackStage::parameters() const {
  const auto& changes = options_.changes;
  nlohmann::json parameters = {{"epoch", changes.epoch}, {"owners", ::geteuid() == 0}};
  if (changes.os_release) parameters["osRelease"] = *changes.os_release;
  if (changes.kairos_release) parameters["kairosRelease"] = *changes.kairos_release;
  if (options_.overlay_digest) parameters["overlay"] = options_.overlay_digest->text();
  return parameters;
}

bool UnpackStage::still_valid(const Record& record, const oci::Store& store) const {
  const bool overlay = record.at("kind") == oci::name_of(oci::SnapshotKind::kOverlay);
  return (options_.may_mount || !overlay) && oci::tree_exists(store, record);
}

Record UnpackStage::run(const StageContext& context, const Inputs& inputs,
                        const oci::Digest& fingerprint) const {
  const auto manifest = oci::read_manifest(context.store, image_of(inputs.at("pull")));
  const auto config = oci::read_config(context.store, manifest);
  oci::LayerOptions layer_options;
  layer_options.keep_owners = ::geteuid() == 0;
  const oci::UnpackRun run{
      .store = context.store,
      .manifest = manifest,
      .config = config,
      .options = layer_options,
      .progress = [&](std::uint64_t done,
                      std::uint64_t total) { context.observer.progress(done, total); },
      .warn = [&](const std::string& text) { context.observer.warning(text); },
      .stop = context.stop};
  const bool overlay = options_.may_mount && oci::can_mount_overlay(context.store);
  const auto kind = overlay ? oci::SnapshotKind::kOverlay : oci::SnapshotKind::kDirectory;
  context.observer.fact(overlay ? "layers are stacked by overlayfs"
                                : "layers go into one directory: nothing can be mounted here");
  return oci::make_tree(run, kind, context.store.result_folder(fingerprint),
                        [&](const std::filesystem::path& root) {
                          finish_tree(root, options_.changes, context.stop);
                        });
}

}  // namespace stages
