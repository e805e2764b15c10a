// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "stages/image_engine.hpp"
#include "stages/tool_registries.hpp"

namespace stages {

/// Builds images with the buildah on PATH, as the Kairos operator runs it: storage driver vfs,
/// isolation chroot, one layer per image, no cache of layers. All that it keeps lies in a folder of
/// this run alone, also its credentials.
class BuildahEngine final : public ImageEngine {
 public:
  explicit BuildahEngine(RegistryKnowledge knowledge) : knowledge_(std::move(knowledge)) {}

  [[nodiscard]] std::string_view name() const override { return "buildah"; }
  void check(base::ProcessRunner& process, const ImageBuild& build) const override;
  oci::Descriptor build(const StageContext& context, const ImageBuild& build) const override;

 private:
  RegistryKnowledge knowledge_;
};

}  // namespace stages
