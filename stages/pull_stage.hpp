// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/layer_options.hpp"
#include "oci/pull.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Brings an image, already resolved to a digest, into the store.
/// Record: {"reference", "digest", "mediaType", "size", "layers", "layerBytes", "fetchedBytes",
/// "content"}.
class PullStage final : public Stage {
 public:
  struct Options {
    oci::Reference reference;
    oci::ResolvedImage image;
    oci::Platform platform;
    unsigned parallel = 4;  ///< Layers at a time.
    bool offline = false;   ///< The store must have it all.
    /// Stack the layers as they come, where overlayfs can, for the stage that unpacks.
    bool stack_along = false;
    oci::LayerOptions layers = {};  ///< Of the stacking.
  };
  explicit PullStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "pull"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  [[nodiscard]] oci::PullResult pull(const StageContext& context) const;

  Options options_;
};

}  // namespace stages
