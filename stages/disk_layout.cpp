// SPDX-License-Identifier: Apache-2.0
#include "stages/disk_layout.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "stages/uuid.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kMiB = 1U << 20;
constexpr std::uint64_t kSector = 512;
constexpr std::uint64_t kGapBytes = kMiB;  // Before the first partition and after the last.
constexpr std::uint64_t kEfiBytes = 64 * kMiB;
constexpr std::uint64_t kBiosBytes = kMiB;
constexpr std::uint64_t kOemBytes = 64 * kMiB;
constexpr std::uint64_t kImageMarginBytes = 200 * kMiB;
constexpr std::uint64_t kPartitionMarginBytes = 150 * kMiB;
constexpr std::uint64_t kStateMarginBytes = 100 * kMiB;
constexpr std::uint64_t kInodeBytes = 256;
constexpr std::uint64_t kLeastPersistentBytes = 64 * kMiB;

constexpr std::string_view kEfiType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
constexpr std::string_view kBiosType = "21686148-6449-6E6F-744E-656564454649";
constexpr std::string_view kLinuxType = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

std::uint64_t to_mib(std::uint64_t bytes) { return (bytes + kMiB - 1) / kMiB; }

}  // namespace

std::string_view name_of(DiskFirmware firmware) {
  switch (firmware) {
    case DiskFirmware::kUefi:
      return "uefi";
    case DiskFirmware::kBios:
      return "bios";
  }
  return "";
}

DiskFirmware parse_disk_firmware(std::string_view name) {
  for (const auto firmware : {DiskFirmware::kUefi, DiskFirmware::kBios}) {
    if (name == name_of(firmware)) return firmware;
  }
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("\"{}\" is no firmware that starts a disk", name),
                     .why = "",
                     .hint = "use uefi or bios"});
}

DiskLayout lay_out_disk(std::uint64_t content_bytes, std::uint64_t inodes, DiskFirmware firmware,
                        std::optional<std::uint64_t> disk_mib) {
  const bool uefi = firmware == DiskFirmware::kUefi;
  DiskLayout layout;
  layout.recovery_image_bytes =
      to_mib(content_bytes + inodes * kInodeBytes + kImageMarginBytes) * kMiB;
  layout.boot = {.name = uefi ? "efi" : "bios",
                 .type = uefi ? kEfiType : kBiosType,
                 .guid_name = kBootLabel,
                 .attributes = uefi ? "RequiredPartition" : "RequiredPartition LegacyBIOSBootable",
                 .offset = kGapBytes,
                 .bytes = uefi ? kEfiBytes : kBiosBytes};
  layout.oem = {.name = "oem",
                .type = kLinuxType,
                .guid_name = kOemLabel,
                .attributes = "",
                .offset = layout.boot.offset + layout.boot.bytes,
                .bytes = kOemBytes};
  layout.recovery = {.name = "recovery",
                     .type = kLinuxType,
                     .guid_name = kRecoveryLabel,
                     .attributes = "",
                     .offset = layout.oem.offset + layout.oem.bytes,
                     .bytes = 2 * layout.recovery_image_bytes + kPartitionMarginBytes};
  const auto needed = layout.recovery.offset + layout.recovery.bytes + kGapBytes;
  layout.state_mib = (3 * layout.recovery.bytes + kStateMarginBytes) / kMiB;
  layout.first_boot_bytes = needed + layout.state_mib * kMiB + kLeastPersistentBytes;
  layout.disk_bytes = disk_mib.value_or(needed / kMiB) * kMiB;
  if (layout.disk_bytes >= needed) return layout;
  throw base::Error(
      {.code = base::ErrorCode::kArtifactTool,
       .what = fmt::format("a disk of {} MiB is too small", *disk_mib),
       .why = fmt::format("the root takes {} MiB, with what Kairos adds the partitions need {} MiB "
                          "(recovery {}, oem {}, {} {}), and a first boot {} MiB",
                          to_mib(content_bytes), to_mib(needed), to_mib(layout.recovery.bytes),
                          to_mib(layout.oem.bytes), layout.boot.name, to_mib(layout.boot.bytes),
                          to_mib(layout.first_boot_bytes)),
       .hint = fmt::format("set spec.artifacts.diskSize to {} or more, or leave it out",
                           to_mib(layout.first_boot_bytes))});
}

void write_partition_table(base::ProcessRunner& runner, const std::filesystem::path& disk,
                           const DiskLayout& layout, std::stop_token stop) {
  auto script = fmt::format("label: gpt\nlabel-id: {}\nunit: sectors\nsector-size: 512\n",
                            text_of(uuid_of_name("KAIROS_DISK")));
  for (const auto& partition : {layout.boot, layout.oem, layout.recovery}) {
    script += fmt::format("start={}, size={}, type={}, uuid={}, name=\"{}\"",
                          partition.offset / kSector, partition.bytes / kSector, partition.type,
                          text_of(uuid_of_name(partition.guid_name)), partition.name);
    if (!partition.attributes.empty())
      script += fmt::format(", attrs=\"{}\"", partition.attributes);
    script += '\n';
  }
  const base::Command command{.program = base::require_program("sfdisk", "fdisk").string(),
                              .arguments = {"--quiet", "--no-reread", "--no-tell-kernel", "--wipe",
                                            "never", "--wipe-partitions", "never", disk.string()},
                              .environment = {},
                              .working_directory = {},
                              .input = script};
  base::run_or_throw(runner, command, base::ErrorCode::kArtifactTool, {}, std::move(stop));
}

}  // namespace stages
