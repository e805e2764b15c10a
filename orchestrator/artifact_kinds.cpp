// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/artifact_kinds.hpp"

#include <array>

#include "stages/file_digest.hpp"
#include "stages/iso_stage.hpp"
#include "stages/squashfs_stage.hpp"

namespace orchestrator {
namespace {

std::size_t plan_squashfs(Plan& plan, const ArtifactInputs& inputs) {
  stages::SquashfsOptions options;
  options.epoch = inputs.epoch;
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::SquashfsStage>(options), inputs.no_registry,
                  {{"unpack", inputs.unpack}}, false);
}

std::size_t plan_iso(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  const auto& artifact = inputs.artifact;
  stages::IsoStage::Options options;
  options.output = inputs.output / (artifact.artifact_name(manifest::ArtifactKind::kIso) + ".iso");
  options.architecture = inputs.architecture;
  options.cloud_config = inputs.cloud_config;
  options.epoch = inputs.epoch;
  if (!artifact.artifacts->grub_config.empty()) {
    options.grub_config = artifact.artifacts->grub_config;
  }
  if (const auto& volume = artifact.artifacts->overlay_iso_volume; !volume.empty()) {
    const auto folder = volumes.folder(artifact, volume, "spec.artifacts.overlayISOVolume");
    options.overlay = {.folder = folder, .digest = stages::digest_of_folder(folder)};
  }
  const auto squashfs = plan_squashfs(plan, inputs);
  return plan.add(artifact.name, inputs.where,
                  std::make_shared<stages::IsoStage>(std::move(options)), inputs.no_registry,
                  {{"unpack", inputs.unpack}, {"squashfs", squashfs}}, true);
}

constexpr std::array<ArtifactKindRow, 1> kArtifactKinds = {{
    {"spec.artifacts.iso", "Bootable ISO for UEFI, BIOS and USB sticks",
     [](const manifest::ArtifactSpec& spec) { return spec.iso; }, &plan_iso},
}};

}  // namespace

std::span<const ArtifactKindRow> artifact_kinds() { return kArtifactKinds; }

}  // namespace orchestrator
