// SPDX-License-Identifier: Apache-2.0
#include "stages/pull_stage.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.hpp"
#include "oci/pull_along.hpp"
#include "oci/snapshots.hpp"
#include "stages/image_record.hpp"

namespace stages {

nlohmann::json PullStage::parameters() const {
  return {{"digest", options_.image.descriptor.digest.text()},
          {"platform", options_.platform.text()}};
}

bool PullStage::still_valid(const Record& /*record*/, const oci::Store& store) const {
  const auto& manifest = options_.image.manifest;
  return store.contains(options_.image.descriptor) && store.contains(manifest.config) &&
         std::all_of(manifest.layers.begin(), manifest.layers.end(),
                     [&](const oci::Descriptor& layer) { return store.contains(layer); });
}

oci::PullResult PullStage::pull(const StageContext& context) const {
  auto& store = context.store;
  const auto& image = options_.image;
  const oci::PullProgress progress = [&](std::uint64_t done, std::uint64_t total) {
    context.observer.progress(done, total);
  };
  if (!options_.stack_along || oci::overlay_obstacle(store)) {
    return oci::pull_image(*context.registry, store, options_.reference, image, options_.platform,
                           options_.parallel, progress, context.stop);
  }
  const auto config = oci::fetch_config(*context.registry, store, options_.reference, image,
                                        options_.platform, context.stop);
  const oci::AlongWork stack = [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    oci::prepare_snapshots(
        store, image.manifest, config,
        {.options = options_.layers,
         .progress = {},
         .warn = [&](const std::string& text) { context.observer.warning(text); },
         .stop = stop,
         .ready = ready});
  };
  return oci::pull_along(*context.registry, store, options_.reference, image, options_.platform,
                         options_.parallel, progress, stack, context.stop);
}

Record PullStage::run(const StageContext& context, const Inputs& /*inputs*/,
                      const oci::Digest& /*fingerprint*/) const {
  const auto& image = options_.image;
  context.observer.fact(fmt::format("{} is {}, {} layers, {}", options_.reference.text(),
                                    image.descriptor.digest.text(), image.manifest.layers.size(),
                                    base::format_bytes(image.layer_bytes())));
  const auto result = options_.offline ? oci::PullResult{} : pull(context);
  context.observer.fact(fmt::format("{} fetched, {} of {} layers were in the store",
                                    base::format_bytes(result.fetched_bytes), result.reused_layers,
                                    result.reused_layers + result.fetched_layers));
  auto record = record_of_image(image.descriptor, options_.reference.text());
  record["layers"] = image.manifest.layers.size();
  record["layerBytes"] = image.layer_bytes();
  record["fetchedBytes"] = result.fetched_bytes;
  return record;
}

}  // namespace stages
