// SPDX-License-Identifier: Apache-2.0
#include "stages/raw_disk_stage.hpp"

#include <fmt/format.h>

#include <array>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "stages/boot_files.hpp"
#include "stages/file_digest.hpp"
#include "stages/raw_disk.hpp"
#include "stages/raw_disk_check.hpp"
#include "stages/unpack_stage.hpp"

namespace stages {
namespace {

constexpr const char* kMenu = "/etc/cos/grub.cfg";
constexpr std::size_t kMostMenuBytes = 1U << 20;
// Boards that want firmware of their vendor on the disk as well, by the beginning of their names.
constexpr std::array<std::string_view, 3> kBoards = {"rpi", "odroid", "pinebook"};

std::string menu_of(const RootTree& root) {
  if (auto menu = root.head(kMenu, kMostMenuBytes)) return *menu;
  throw base::Error(
      {.code = base::ErrorCode::kArtifactTool,
       .what = "cannot make a raw disk of this image",
       .why = fmt::format("it has no {}, the boot menu of an installed Kairos", kMenu),
       .hint = "use a Kairos image; an ISO and netboot can be made of any image"});
}

void warn_of_boards(const RootTree& root, StageObserver& observer) {
  const auto model = model_of(root);
  for (const auto board : kBoards) {
    if (!model.starts_with(board)) continue;
    observer.warning(fmt::format(
        "the image is for {}, which needs firmware on the disk that is not added here", model));
  }
}

RawDiskContents find_contents(const RootTree& root, Architecture architecture,
                              DiskFirmware firmware, StageObserver& observer) {
  const auto boot = find_kernel(root);
  for (const auto& warning : boot.warnings) observer.warning(warning);
  const auto inside = std::filesystem::relative(boot.kernel.file, root.path()).string();
  check_architecture(root, root.head(inside, kKernelHeadBytes).value_or(""), architecture);
  warn_of_boards(root, observer);
  RawDiskContents contents;
  contents.root = root.path();
  contents.grub_config = menu_of(root);
  contents.flavor = flavor_of(root);
  if (firmware == DiskFirmware::kBios) {
    const auto modules = find_bios_grub(root);
    observer.fact(fmt::format("BIOS: {}", modules.origin));
    contents.bios_modules = modules.file;
    return contents;
  }
  contents.efi = find_efi_bootloader(root, architecture, BootMedium::kDisk);
  observer.fact(fmt::format("UEFI: {}{}", contents.efi->grub.origin,
                            contents.efi->shim ? ", shim " + contents.efi->shim->origin
                                               : "; no shim, so not under Secure Boot"));
  return contents;
}

void tell_size(const DiskLayout& layout, StageObserver& observer) {
  observer.fact(fmt::format("{}, of which recovery {}", base::format_bytes(layout.disk_bytes),
                            base::format_bytes(layout.recovery.bytes)));
  if (layout.disk_bytes >= layout.first_boot_bytes) return;
  observer.fact(
      fmt::format("enlarge the disk to {} or more before its first boot, which adds "
                  "COS_STATE and COS_PERSISTENT",
                  base::format_bytes(layout.first_boot_bytes)));
}

}  // namespace

nlohmann::json RawDiskStage::parameters() const {
  nlohmann::json parameters = {
      {"output", options_.output.string()},
      {"architecture", name_of(options_.architecture)},
      {"firmware", name_of(options_.firmware)},
      {"cloudConfig", oci::Digest::of(options_.cloud_config.reveal()).text()},
      {"epoch", options_.epoch}};
  if (options_.disk_mib) parameters["diskSize"] = *options_.disk_mib;
  return parameters;
}

bool RawDiskStage::still_valid(const Record& record, const oci::Store& store) const {
  return is_same_file(raw_disk_file(store, record), record.at("identity"));
}

Record RawDiskStage::run(const StageContext& context, const Inputs& inputs,
                         const oci::Digest& fingerprint) const {
  const auto tree = open_tree(context.store, inputs.at("unpack"));
  const RootTree root(tree.path());
  auto contents = find_contents(root, options_.architecture, options_.firmware, context.observer);
  contents.cloud_config = options_.cloud_config.reveal();
  const auto scan = scan_tree(tree.path(), options_.epoch, context.stop);
  const auto work = context.store.make_temp_dir("raw-disk");
  const RawDiskOptions options{
      .layout = lay_out_disk(scan.bytes, scan.inodes, options_.firmware, options_.disk_mib),
      .epoch = options_.epoch,
      .work = work.path()};
  tell_size(options.layout, context.observer);
  const auto output = options_.output.empty()
                          ? context.store.result_folder(fingerprint) / "disk.raw"
                          : options_.output;
  base::make_directories(output.parent_path());
  std::uint64_t done = 0;
  make_raw_disk(
      context.process, contents, scan, output, options,
      [&](std::uint64_t bytes) { context.observer.progress(done += bytes, scan.bytes); },
      context.stop,
      [&](const std::filesystem::path& disk) {
        check_raw_disk(context.process, disk, options_.firmware, options_.architecture,
                       context.stop);
      });
  base::wipe(contents.cloud_config);
  if (!options_.output.empty()) return describe_artifact(name(), output, context.stop);
  return {{"path", std::filesystem::relative(output, context.store.root()).string()},
          {"size", options.layout.disk_bytes},
          {"identity", identity_of_file(output)}};
}

std::filesystem::path raw_disk_file(const oci::Store& store, const Record& raw_disk_record) {
  // One that is absolute already stays as it is.
  return store.root() / raw_disk_record.at("path").get<std::string>();
}

}  // namespace stages
