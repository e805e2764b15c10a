// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_stage.hpp"

#include <fmt/format.h>

#include "base/files.hpp"
#include "base/format.hpp"
#include "stages/boot_files.hpp"
#include "stages/bootloader.hpp"
#include "stages/file_digest.hpp"
#include "stages/iso_check.hpp"
#include "stages/iso_image.hpp"
#include "stages/unpack_stage.hpp"

namespace stages {
namespace {

/// Finds what the ISO boots with in the tree, and says where it comes from.
IsoContents find_contents(const RootTree& root, Architecture architecture,
                          StageObserver& observer) {
  const auto kernel = find_kernel(root);
  for (const auto& warning : kernel.warnings) observer.warning(warning);
  const auto head = root.head(std::filesystem::relative(kernel.kernel.file, root.path()).string(),
                              kKernelHeadBytes);
  check_architecture(root, head.value_or(""), architecture);
  IsoContents contents;
  contents.kernel = kernel.kernel.file;
  contents.initrd = kernel.initrd.file;
  contents.efi = find_efi_bootloader(root, architecture, BootMedium::kIso);
  observer.fact(fmt::format("kernel {}, initrd {}", kernel.kernel.origin, kernel.initrd.origin));
  observer.fact(fmt::format("UEFI: {}{}", contents.efi.grub.origin,
                            contents.efi.shim ? ", shim " + contents.efi.shim->origin
                                              : "; no shim, so not under Secure Boot"));
  if (architecture == Architecture::kAmd64) {
    const auto modules = find_bios_grub(root);
    contents.bios_modules = modules.file;
    observer.fact(fmt::format("BIOS: {}", modules.origin));
  }
  contents.flavor = flavor_of(root);
  return contents;
}

}  // namespace

nlohmann::json IsoStage::parameters() const {
  nlohmann::json parameters = {
      {"output", options_.output.string()},
      {"architecture", name_of(options_.architecture)},
      {"cloudConfig", oci::Digest::of(options_.cloud_config.reveal()).text()},
      {"epoch", options_.epoch}};
  if (options_.grub_config) parameters["grubConfig"] = *options_.grub_config;
  if (options_.overlay) parameters["overlay"] = options_.overlay->digest.text();
  return parameters;
}

bool IsoStage::still_valid(const Record& record, const oci::Store& /*store*/) const {
  return is_same_file(options_.output, record.at("identity"));
}

Record IsoStage::run(const StageContext& context, const Inputs& inputs,
                     const oci::Digest& /*fingerprint*/) const {
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  const RootTree root(tree.path());
  auto contents = find_contents(root, options_.architecture, context.observer);
  contents.squashfs = context.store.root() / inputs.at("squashfs").at("path").get<std::string>();
  contents.cloud_config = options_.cloud_config.reveal();
  contents.grub_config = options_.grub_config;
  if (options_.overlay) contents.overlay = options_.overlay->folder;
  const auto work = context.store.make_temp_dir("iso");
  IsoOptions options;
  options.menu.architecture = options_.architecture;
  options.epoch = options_.epoch;
  options.work = work.path();
  base::make_directories(options_.output.parent_path());
  std::optional<oci::Digest> digest;
  const auto review = [&](const std::filesystem::path& file) {
    check_iso(context.process, file, options_.architecture, context.stop);
    digest = digest_of_file(file, context.stop);
  };
  make_iso(context.process, contents, options_.output, options, review, context.stop);
  base::wipe(contents.cloud_config);
  return describe_artifact("iso", options_.output, *digest);
}

}  // namespace stages
