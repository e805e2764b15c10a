// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/build_scope.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/overlay_mount.hpp"
#include "stages/dockerfile/copy.hpp"

namespace stages::dockerfile {

oci::SnapshotKind BuildScope::kind_for(std::size_t layers) const {
  // One more is the step's own.
  const bool overlay = parts_.overlays && layers < oci::kMaxOverlayLayers;
  return overlay ? oci::SnapshotKind::kOverlay : oci::SnapshotKind::kDirectory;
}

oci::UnpackContext BuildScope::unpack_context() const {
  return {.options = oci::layer_options_of_caller(),
          .progress = {},
          .warn = [this](const std::string& text) { observer().warning(text); },
          .stop = parts_.stop};
}

std::unique_ptr<StageTree> BuildScope::make_tree(const BaseImage* base, std::size_t layers) {
  const auto kind = kind_for(layers);
  auto unpack = unpack_context();
  if (base != nullptr) parts_.images.fetch_layers(*base, kind, unpack);
  return make_stage_tree(
      parts_.context.store, kind,
      {.epoch = parts_.epoch,
       .packing = {.format = parts_.build.layer_format, .threads = parts_.build.threads},
       .unpack = std::move(unpack)});
}

void BuildScope::finish(std::size_t stage, std::shared_ptr<FinishedStage> finished) {
  const std::lock_guard lock(mutex_);
  finished_[stage] = std::move(finished);
}

std::shared_ptr<FinishedStage> BuildScope::finished(std::size_t stage) const {
  const std::lock_guard lock(mutex_);
  return finished_.at(stage);
}

std::shared_ptr<FileSource> BuildScope::files_of(const FileOrigin& origin) {
  if (origin.stage) return finished(*origin.stage)->files;
  const auto& platform = parts_.build.platform;
  if (origin.image.empty()) {
    return std::make_shared<FileSource>(ImageDraft(platform),
                                        [this] { return make_tree(nullptr, 0); });
  }
  const auto base = parts_.images.find(origin.image, platform);
  const std::lock_guard lock(mutex_);
  auto& known = images_[base->image.descriptor.digest.text()];
  if (!known) {
    known = std::make_shared<FileSource>(
        base->draft, [this, base] { return make_tree(base.get(), base->draft.layers().size()); });
  }
  return known;
}

oci::ContainerRunner& BuildScope::runner() {
  const std::lock_guard lock(runner_mutex_);
  if (!runner_) {
    runner_ = parts_.make_runner();
    observer().fact(fmt::format("RUN steps run in {}", runner_->description()));
    for (const auto& weakness : runner_->weaknesses()) observer().warning(weakness);
  }
  return *runner_;
}

std::filesystem::path BuildScope::filtered_context() {
  const auto& context = parts_.build.context;
  if (context.empty() || parts_.ignore.empty()) return context;
  const std::lock_guard lock(context_mutex_);
  if (!filtered_) {
    auto folder = parts_.context.store.make_temp_dir("context");
    const CopyPlan plan({.source_root = context,
                         .sources = {"."},
                         .destination = "/",
                         .ignore = parts_.ignore,
                         .exclude = {},
                         .chown = {},
                         .chmod = {},
                         .epoch = {},
                         .digests = &parts_.digests},
                        parts_.stop);
    plan.apply(folder.path());
    filtered_ = std::move(folder);
  }
  return filtered_->path();
}

}  // namespace stages::dockerfile
