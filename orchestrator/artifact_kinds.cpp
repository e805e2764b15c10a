// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/artifact_kinds.hpp"

#include <algorithm>
#include <array>

#include "stages/auroraboot/auroraboot_stage.hpp"
#include "stages/cloud_stage.hpp"
#include "stages/file_digest.hpp"
#include "stages/ipxe_script.hpp"
#include "stages/iso_stage.hpp"
#include "stages/netboot_stage.hpp"
#include "stages/raw_disk_stage.hpp"
#include "stages/squashfs_stage.hpp"
#include "stages/uki/uki_container_stage.hpp"
#include "stages/uki/uki_files_stage.hpp"
#include "stages/uki/uki_iso_stage.hpp"
#include "stages/uki/uki_stage.hpp"

namespace orchestrator {
namespace {

std::size_t plan_squashfs(Plan& plan, const ArtifactInputs& inputs) {
  auto options = stages::squashfs_options_within(inputs.memory_bytes);
  options.epoch = inputs.epoch;
  options.processors = std::min(inputs.jobs, options.processors);
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::SquashfsStage>(options), inputs.no_registry,
                  {{"unpack", inputs.unpack}}, false);
}

/// What AuroraBoot is told whatever it makes.
stages::AuroraBootStage::Options auroraboot_options(const ArtifactInputs& inputs,
                                                    stages::AuroraBootTask task) {
  stages::AuroraBootStage::Options options;
  options.task = task;
  options.tool = inputs.tool.tool;
  options.tool_is_pulled = inputs.tool.pull.has_value();
  options.architecture = inputs.architecture;
  options.firmware = inputs.disk_firmware;
  return options;
}

std::size_t add_auroraboot(Plan& plan, const ArtifactInputs& inputs,
                           stages::AuroraBootStage::Options options,
                           std::map<std::string, std::size_t> from, bool goal) {
  if (inputs.tool.pull) from["tool"] = *inputs.tool.pull;
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::AuroraBootStage>(std::move(options)), inputs.no_registry,
                  from, goal);
}

std::size_t plan_auroraboot_iso(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  const auto& artifact = inputs.artifact;
  const auto& spec = *artifact.artifacts;
  auto options = auroraboot_options(inputs, stages::AuroraBootTask::kIso);
  if (spec.iso) {
    options.output =
        inputs.output / (artifact.artifact_name(manifest::ArtifactKind::kIso) + ".iso");
  }
  options.cloud_config = inputs.cloud_config;
  if (!spec.grub_config.empty()) options.grub_config = spec.grub_config;
  if (const auto& volume = spec.overlay_iso_volume; !volume.empty()) {
    const auto folder = volumes.folder(artifact, volume, "spec.artifacts.overlayISOVolume");
    options.overlay = {.folder = folder, .digest = stages::digest_of_folder(folder)};
  }
  return add_auroraboot(plan, inputs, std::move(options), {{"unpack", inputs.unpack}}, spec.iso);
}

std::size_t plan_iso(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  if (inputs.tool.tool) return plan_auroraboot_iso(plan, inputs, volumes);
  const auto& artifact = inputs.artifact;
  stages::IsoStage::Options options;
  options.output = inputs.output / (artifact.artifact_name(manifest::ArtifactKind::kIso) + ".iso");
  options.architecture = inputs.architecture;
  options.cloud_config = inputs.cloud_config;
  options.epoch = inputs.epoch;
  options.may_revise = inputs.use_cache;
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

/// The files that kernel, initrd and squashfs are copied from, where AuroraBoot makes them: out of
/// the ISO that is asked for, or of one in the store.
std::size_t plan_auroraboot_netboot(Plan& plan, const ArtifactInputs& inputs,
                                    VolumeFolders& volumes) {
  const auto iso = plan_auroraboot_iso(plan, inputs, volumes);
  return add_auroraboot(plan, inputs, auroraboot_options(inputs, stages::AuroraBootTask::kNetboot),
                        {{"iso", iso}}, false);
}

std::size_t plan_netboot(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
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
                        .script = is_script ? script : "",
                        .from_tool = inputs.tool.tool != nullptr && !is_script}),
                    inputs.no_registry, from, true);
  };
  if (inputs.tool.tool) {
    const std::map<std::string, std::size_t> from = {
        {"unpack", inputs.unpack}, {"netboot", plan_auroraboot_netboot(plan, inputs, volumes)}};
    add(stages::NetbootPart::kKernel, "-kernel", from);
    add(stages::NetbootPart::kInitrd, "-initrd", from);
    add(stages::NetbootPart::kSquashfs, ".squashfs", from);
  } else {
    add(stages::NetbootPart::kKernel, "-kernel", {{"unpack", inputs.unpack}});
    add(stages::NetbootPart::kInitrd, "-initrd", {{"unpack", inputs.unpack}});
    add(stages::NetbootPart::kSquashfs, ".squashfs", {{"squashfs", plan_squashfs(plan, inputs)}});
  }
  return add(stages::NetbootPart::kScript, ".ipxe", {});
}

/// What all signed media hold; the same stage for each. The keys are read here, so that a wrong one
/// is told of before anything is done.
std::size_t plan_uki(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  const auto& volume = inputs.artifact.artifacts->uki->keys_volume;
  const auto folder = volumes.folder(inputs.artifact, volume, "spec.artifacts.uki.keysVolume");
  const auto keys =
      std::make_shared<const stages::uki::UkiKeys>(stages::uki::read_uki_keys(folder));
  if (inputs.tool.tool) {
    auto options = auroraboot_options(inputs, stages::AuroraBootTask::kUki);
    options.keys_folder = folder;
    options.keys = keys;
    return add_auroraboot(plan, inputs, std::move(options), {{"unpack", inputs.unpack}}, false);
  }
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::uki::UkiStage>(
                      stages::uki::UkiStage::Options{.keys = keys,
                                                     .architecture = inputs.architecture,
                                                     .epoch = inputs.epoch,
                                                     .threads = inputs.jobs}),
                  inputs.no_registry, {{"unpack", inputs.unpack}}, false);
}

std::filesystem::path uki_output(const ArtifactInputs& inputs, std::string_view ending) {
  return inputs.output / inputs.artifact.artifact_name(manifest::ArtifactKind::kUki).append(ending);
}

std::size_t plan_uki_iso(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  stages::uki::UkiIsoStage::Options options;
  options.output = uki_output(inputs, "-uki.iso");
  options.cloud_config = inputs.cloud_config;
  options.epoch = inputs.epoch;
  if (const auto& volume = inputs.artifact.artifacts->overlay_iso_volume; !volume.empty()) {
    const auto folder = volumes.folder(inputs.artifact, volume, "spec.artifacts.overlayISOVolume");
    options.overlay = {.folder = folder, .digest = stages::digest_of_folder(folder)};
  }
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::uki::UkiIsoStage>(std::move(options)),
                  inputs.no_registry, {{"uki", plan_uki(plan, inputs, volumes)}}, true);
}

std::size_t plan_uki_container(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  return plan.add(
      inputs.artifact.name, inputs.where,
      std::make_shared<stages::uki::UkiContainerStage>(
          stages::uki::UkiContainerStage::Options{.output = uki_output(inputs, "-uki.tar"),
                                                  .name = inputs.artifact.name + "-uki:latest",
                                                  .architecture = inputs.architecture,
                                                  .epoch = inputs.epoch,
                                                  .threads = inputs.jobs}),
      inputs.no_registry, {{"uki", plan_uki(plan, inputs, volumes)}}, true);
}

std::size_t plan_uki_files(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::uki::UkiFilesStage>(
                      stages::uki::UkiFilesStage::Options{.output = uki_output(inputs, "-uki")}),
                  inputs.no_registry, {{"uki", plan_uki(plan, inputs, volumes)}}, true);
}

/// The disk that all cloud formats are made of: NAME.raw where it is asked for, else in the store.
std::size_t plan_raw_disk(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& /*volumes*/) {
  const auto& artifact = inputs.artifact;
  const auto& spec = *artifact.artifacts;
  std::filesystem::path output;
  if (spec.cloud_image) {
    output = inputs.output / (artifact.artifact_name(manifest::ArtifactKind::kCloud) + ".raw");
  }
  if (inputs.tool.tool) {
    auto asked = auroraboot_options(inputs, stages::AuroraBootTask::kRawDisk);
    asked.output = output;
    asked.cloud_config = inputs.cloud_config;
    if (!spec.disk_size.empty()) asked.disk_mib = std::stoull(spec.disk_size);
    return add_auroraboot(plan, inputs, std::move(asked), {{"unpack", inputs.unpack}},
                          spec.cloud_image);
  }
  stages::RawDiskStage::Options options;
  options.output = output;
  options.architecture = inputs.architecture;
  options.firmware = inputs.disk_firmware;
  if (!spec.disk_size.empty()) options.disk_mib = std::stoull(spec.disk_size);
  options.cloud_config = inputs.cloud_config;
  options.epoch = inputs.epoch;
  return plan.add(artifact.name, inputs.where,
                  std::make_shared<stages::RawDiskStage>(std::move(options)), inputs.no_registry,
                  {{"unpack", inputs.unpack}}, spec.cloud_image);
}

std::size_t plan_cloud(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes,
                       stages::CloudFormat format, const std::string& file) {
  const auto disk = plan_raw_disk(plan, inputs, volumes);
  return plan.add(inputs.artifact.name, inputs.where,
                  std::make_shared<stages::CloudStage>(
                      stages::CloudStage::Options{.format = format,
                                                  .output = inputs.output / file,
                                                  .epoch = inputs.epoch,
                                                  .threads = inputs.jobs}),
                  inputs.no_registry, {{"raw-disk", disk}}, true);
}

std::size_t plan_azure(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  const auto name = inputs.artifact.artifact_name(manifest::ArtifactKind::kAzure);
  return plan_cloud(plan, inputs, volumes, stages::CloudFormat::kAzure, name + ".vhd");
}

std::size_t plan_gce(Plan& plan, const ArtifactInputs& inputs, VolumeFolders& volumes) {
  const auto name = inputs.artifact.artifact_name(manifest::ArtifactKind::kGce);
  return plan_cloud(plan, inputs, volumes, stages::CloudFormat::kGce, name + ".gce.tar.gz");
}

constexpr std::array<ArtifactKindRow, 8> kArtifactKinds = {{
    {"spec.artifacts.iso", "Bootable ISO for UEFI, BIOS and USB sticks",
     [](const manifest::ArtifactSpec& spec) { return spec.iso; }, &plan_iso},
    {"spec.artifacts.cloudImage", "Raw disk that installs itself when it first starts",
     [](const manifest::ArtifactSpec& spec) { return spec.cloud_image; }, &plan_raw_disk},
    {"spec.artifacts.azureImage", "The same disk as a fixed VHD for Azure",
     [](const manifest::ArtifactSpec& spec) { return spec.azure_image; }, &plan_azure},
    {"spec.artifacts.gceImage", "The same disk as an archive for Google Compute Engine",
     [](const manifest::ArtifactSpec& spec) { return spec.gce_image; }, &plan_gce},
    {"spec.artifacts.netboot", "Kernel, initrd, squashfs and iPXE script to boot from a network",
     [](const manifest::ArtifactSpec& spec) { return spec.netboot; }, &plan_netboot},
    {"spec.artifacts.uki.iso", "Signed ISO for UEFI with Secure Boot",
     [](const manifest::ArtifactSpec& spec) { return spec.uki && spec.uki->iso; }, &plan_uki_iso},
    {"spec.artifacts.uki.container", "Signed EFI files as a container image",
     [](const manifest::ArtifactSpec& spec) { return spec.uki && spec.uki->container; },
     &plan_uki_container},
    {"spec.artifacts.uki.efi", "Signed EFI files in a folder",
     [](const manifest::ArtifactSpec& spec) { return spec.uki && spec.uki->efi; }, &plan_uki_files},
}};

}  // namespace

std::span<const ArtifactKindRow> artifact_kinds() { return kArtifactKinds; }

}  // namespace orchestrator
