// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/artifact_kinds.hpp"

#include <array>

#include "stages/file_digest.hpp"
#include "stages/ipxe_script.hpp"
#include "stages/iso_stage.hpp"
#include "stages/netboot_stage.hpp"
#include "stages/raw_disk_stage.hpp"
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

std::size_t plan_netboot(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& /*volumes*/) {
  const auto base_name = inputs.artifact.artifact_name(manifest::ArtifactKind::kNetboot);
  // Made here, so that a URL that cannot be used is told of before anything is done.
  const auto script = stages::ipxe_script(base_name, inputs.artifact.artifacts->netboot_url);
  const auto add = [&](stages::NetbootPart part, std::string_view ending,
                       const std::map<std::string, std::size_t>& from) {
    const bool is_script = part == stages::NetbootPart::kScript;
    return plan.add(inputs.artifact.name, inputs.where,
                    std::make_shared<stages::NetbootStage>(stages::NetbootStage::Options{
                        .part = part,
                        .output = inputs.output / std::string(base_name).append(ending),
                        .architecture = inputs.architecture,
                        .script = is_script ? script : ""}),
                    inputs.no_registry, from, true);
  };
  add(stages::NetbootPart::kKernel, "-kernel", {{"unpack", inputs.unpack}});
  add(stages::NetbootPart::kInitrd, "-initrd", {{"unpack", inputs.unpack}});
  add(stages::NetbootPart::kSquashfs, ".squashfs", {{"squashfs", plan_squashfs(plan, inputs)}});
  return add(stages::NetbootPart::kScript, ".ipxe", {});
}

/// The disk that all cloud formats are made of: NAME.raw where it is asked for, else in the store.
std::size_t plan_raw_disk(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& /*volumes*/) {
  const auto& artifact = inputs.artifact;
  const auto& spec = *artifact.artifacts;
  stages::RawDiskStage::Options options;
  if (spec.cloud_image) {
    options.output =
        inputs.output / (artifact.artifact_name(manifest::ArtifactKind::kCloud) + ".raw");
  }
  options.architecture = inputs.architecture;
  options.firmware = inputs.disk_firmware;
  if (!spec.disk_size.empty()) options.disk_mib = std::stoull(spec.disk_size);
  options.cloud_config = inputs.cloud_config;
  options.epoch = inputs.epoch;
  return plan.add(artifact.name, inputs.where,
                  std::make_shared<stages::RawDiskStage>(std::move(options)), inputs.no_registry,
                  {{"unpack", inputs.unpack}}, spec.cloud_image);
}

constexpr std::array<ArtifactKindRow, 3> kArtifactKinds = {{
    {"spec.artifacts.iso", "Bootable ISO for UEFI, BIOS and USB sticks",
     [](const manifest::ArtifactSpec& spec) { return spec.iso; }, &plan_iso},
    {"spec.artifacts.cloudImage", "Raw disk that installs itself when it first starts",
     [](const manifest::ArtifactSpec& spec) { return spec.cloud_image; }, &plan_raw_disk},
    {"spec.artifacts.netboot", "Kernel, initrd, squashfs and iPXE script to boot from a network",
     [](const manifest::ArtifactSpec& spec) { return spec.netboot; }, &plan_netboot},
}};

}  // namespace

std::span<const ArtifactKindRow> artifact_kinds() { return kArtifactKinds; }

}  // namespace orchestrator
