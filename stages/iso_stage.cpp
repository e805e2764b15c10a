// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_stage.hpp"

#include <fmt/format.h>

#include <future>

#include "base/files.hpp"
#include "base/format.hpp"
#include "stages/boot_files.hpp"
#include "stages/bootloader.hpp"
#include "stages/copy_file.hpp"
#include "stages/file_digest.hpp"
#include "stages/iso_check.hpp"
#include "stages/iso_revision.hpp"
#include "stages/partial_file.hpp"
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

/// What an ISO is made of besides the cloud-config and its place.
oci::Digest IsoStage::frame_of(const Inputs& inputs) const {
  auto frame = parameters();
  frame.erase("cloudConfig");
  frame.erase("output");
  frame["stage"] = fmt::format("{} {}", name(), version());
  for (const auto& [input, record] : inputs) frame["inputs"][input] = record;
  return oci::Digest::of(frame.dump());
}

std::optional<oci::Digest> IsoStage::revise(const StageContext& context,
                                            const oci::Digest& frame) const {
  const auto last = options_.may_revise ? context.store.result(frame) : std::nullopt;
  if (!last) return std::nullopt;
  const std::filesystem::path iso = last->at("path").get<std::string>();
  const auto before = oci::Digest::parse(last->at("cloudConfig").get<std::string>());
  if (!before || !is_same_file(iso, last->at("identity"))) return std::nullopt;
  auto changes = changes_for_config(iso, *before, options_.cloud_config.reveal());
  if (!changes) return std::nullopt;
  PartialFile partial(options_.output);
  // Hashing takes longer than all else, so it begins with the last ISO and not with its copy.
  auto digest =
      std::async(std::launch::async, [&] { return digest_of_file(iso, context.stop, *changes); });
  copy_file(iso, partial.path(), context.stop);
  write_changes(partial.path(), *changes);
  partial.begin_sync();
  check_iso(context.process, partial.path(), options_.architecture, context.stop);
  auto result = digest.get();
  for (auto& change : *changes) base::wipe(change.bytes);
  if (!is_same_file(iso, last->at("identity"))) return std::nullopt;
  partial.commit();
  context.observer.fact(fmt::format("only the cloud-config of {} changed", iso.string()));
  return result;
}

void IsoStage::make(const StageContext& context, const Inputs& inputs,
                    const ReviewFile& review) const {
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
  make_iso(context.process, contents, options_.output, options, review, context.stop);
  base::wipe(contents.cloud_config);
}

Record IsoStage::run(const StageContext& context, const Inputs& inputs,
                     const oci::Digest& /*fingerprint*/) const {
  std::optional<oci::Digest> digest;
  const auto review = [&](const std::filesystem::path& file) {
    check_iso(context.process, file, options_.architecture, context.stop);
    digest = digest_of_file(file, context.stop);
  };
  base::make_directories(options_.output.parent_path());
  const auto frame = frame_of(inputs);
  digest = revise(context, frame);
  if (!digest) make(context, inputs, review);
  auto record = describe_artifact("iso", options_.output, *digest);
  context.store.put_result(frame, {{"path", record.at("path")},
                                   {"identity", record.at("identity")},
                                   {"cloudConfig", parameters().at("cloudConfig")}});
  return record;
}

}  // namespace stages
