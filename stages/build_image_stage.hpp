// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mask.hpp"
#include "stages/image_engine.hpp"
#include "stages/stage.hpp"

namespace stages {

/// Builds an image from a Dockerfile into the store, and names it there.
/// Record: {"reference", "digest", "mediaType", "size", "layers", "layerBytes", "engine",
/// "content"}.
class BuildImageStage final : public Stage {
 public:
  struct Options {
    std::shared_ptr<const ImageEngine> engine;
    ImageBuild build;
    std::vector<std::string> names;  ///< What the store calls it; the first is its reference.
    /// Each image that the Dockerfile names, and the digest that it stands for now.
    std::map<std::string, std::string> bases;
    std::string context_digest;  ///< Of the context; what it is made of is the planner's choice.
    /// Not empty: the engine has to look each time, because only it can tell whether what it takes
    /// is unchanged (ADD of a URL); another text for each build.
    std::string nonce;
    base::Mask mask;  ///< Of what the engine says.
  };
  explicit BuildImageStage(Options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string_view name() const override { return "build-image"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return {}; }
  [[nodiscard]] nlohmann::json parameters() const override;
  [[nodiscard]] bool still_valid(const Record& record, const oci::Store& store) const override;
  [[nodiscard]] Record run(const StageContext& context, const Inputs& inputs,
                           const oci::Digest& fingerprint) const override;

 private:
  Options options_;
};

/// Whether a build argument is one of the proxies, which RUN sees and which change no image.
/// Source: BuildKit, reference.md, "Predefined ARGs".
bool is_proxy_argument(std::string_view name);

}  // namespace stages
