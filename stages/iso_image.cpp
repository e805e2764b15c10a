// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_image.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/temp_dir.hpp"
#include "stages/iso_staging.hpp"
#include "stages/iso_volume.hpp"

namespace stages {
namespace {

using std::filesystem::path;

void append(std::vector<std::string>& arguments, std::initializer_list<std::string> more) {
  arguments.insert(arguments.end(), more);
}

/// Dates, volume and GPT identifiers: all from one number.
void append_identity(std::vector<std::string>& arguments, std::int64_t epoch) {
  append(arguments,
         {"-volid", kIsoLabel, "-joliet", "on", "-compliance", "iso_9660_level=3", "-padding", "0",
          "-volume_date", "uuid", iso_date(epoch), "-volume_date", "all_file_dates",
          fmt::format("={}", epoch), "-boot_image", "any", "gpt_disk_guid=volume_date_uuid"});
}

/// The tree, each later map over the earlier ones.
void append_tree(std::vector<std::string>& arguments, const IsoContents& contents,
                 const path& staging) {
  append(arguments, {"-map", staging.string(), "/", "-map", contents.kernel.string(),
                     "/boot/kernel", "-map", contents.initrd.string(), "/boot/initrd", "-map",
                     contents.squashfs.string(), "/rootfs.squashfs"});
  if (contents.overlay) append(arguments, {"-map", contents.overlay->string(), "/"});
  if (contents.overlay && contents.grub_config) {
    const auto menu = "/boot/grub2/grub.cfg";
    append(arguments, {"-map", staging.string() + menu, menu});
  }
  append(arguments,
         {"-chown_r", "0", "/", "--", "-chgrp_r", "0", "/", "--", "-chmod", "0755", "/", "--",
          "-chmod", "0644", "/boot/kernel", "/boot/initrd", "/rootfs.squashfs", "--"});
}

/// Boot records. The EFI entry points into the appended partition, so that CD and stick share it.
/// Source: xorriso(1), "Bootable ISO images" and "System area".
void append_boot(std::vector<std::string>& arguments, const IsoContents& contents,
                 const path& staging) {
  const auto boot = [&](const char* kind, std::string setting) {
    append(arguments, {"-boot_image", kind, std::move(setting)});
  };
  boot("any", fmt::format("partition_offset={}", kIsoPartitionBlock));
  boot("any", "cat_path=/boot/boot.catalog");
  boot("any", "cat_hidden=on");
  if (contents.bios_modules) {
    boot("grub", "bin_path=/boot/eltorito.img");
    boot("grub", fmt::format("grub2_mbr={}", (staging / "boot/boot_hybrid.img").string()));
    boot("grub", "grub2_boot_info=on");
    boot("any", "boot_info_table=on");
    boot("any", "platform_id=0x00");
    boot("any", "emul_type=no_emulation");
    boot("any", "load_size=2048");
    boot("any", "next");
  }
  boot("any", "platform_id=0xef");
  boot("any", "emul_type=no_emulation");
  append(arguments, {"-append_partition", "2", "0xef", (staging / "boot/uefi.img").string()});
  boot("any", "efi_path=--interval:appended_partition_2:all::");
  boot("any", "appended_part_as=gpt");
  if (contents.bios_modules) boot("any", "mbr_force_bootable=on");
}

base::Command xorriso(const IsoContents& contents, const path& staging, const path& output,
                      std::int64_t epoch) {
  base::Command command{.program = base::require_program("xorriso", "xorriso").string(),
                        .arguments = {"-no_rc", "-abort_on", "FAILURE",
                                      // Else it waits for the disk after each 16 MiB.
                                      "-stdio_sync", "off", "-outdev", output.string()},
                        .environment = {fmt::format("SOURCE_DATE_EPOCH={}", epoch)},
                        .working_directory = {},
                        .input = {}};
  append_identity(command.arguments, epoch);
  append_tree(command.arguments, contents, staging);
  append_boot(command.arguments, contents, staging);
  return command;
}

}  // namespace

void make_iso(base::ProcessRunner& runner, const IsoContents& contents, const path& output,
              const IsoOptions& options, const ReviewFile& review, std::stop_token stop) {
  const base::TempDir staging(options.work, "iso");
  stage_iso_tree(runner, contents, options, staging.path(), stop);
  PartialFile partial(std::filesystem::absolute(output));
  base::run_or_throw(runner, xorriso(contents, staging.path(), partial.path(), options.epoch),
                     base::ErrorCode::kArtifactTool, {}, std::move(stop));
  cut_to_iso_volume(partial.path());
  partial.commit(review);
}

}  // namespace stages
