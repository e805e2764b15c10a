// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"

namespace stages {

/// What starts a raw disk.
enum class DiskFirmware { kUefi, kBios };

/// "uefi", "bios".
std::string_view name_of(DiskFirmware firmware);

/// Throws base::Error kUsage for anything else.
DiskFirmware parse_disk_firmware(std::string_view name);

/// Labels of file systems that Kairos looks for; names of partitions are the lower case of it.
inline constexpr const char* kBootLabel = "COS_GRUB";
inline constexpr const char* kOemLabel = "COS_OEM";
inline constexpr const char* kRecoveryLabel = "COS_RECOVERY";
inline constexpr const char* kSystemLabel = "COS_SYSTEM";

struct DiskPartition {
  std::string_view name;
  std::string_view type;        ///< A GUID.
  std::string_view guid_name;   ///< Its own GUID is the UUID of this name.
  std::string_view attributes;  ///< In sfdisk's words.
  std::uint64_t offset = 0;     ///< In bytes; whole MiB, as the size.
  std::uint64_t bytes = 0;
};

/// A Kairos disk before its first boot: three partitions, 1 MiB before and after them.
struct DiskLayout {
  DiskPartition boot;
  DiskPartition oem;
  DiskPartition recovery;
  std::uint64_t recovery_image_bytes = 0;  ///< Of /cOS/recovery.img.
  std::uint64_t state_mib = 0;             ///< What the first boot makes COS_STATE of.
  std::uint64_t disk_bytes = 0;
  /// What the disk must have before a first boot can make its partitions.
  std::uint64_t first_boot_bytes = 0;
};

/// Sizes for a root that takes `content_bytes` in an ext2 file system, with `inodes` inodes. The
/// disk is just large enough, or of `disk_mib` MiB. Throws base::Error kArtifactTool with the
/// numbers when that is too small.
DiskLayout lay_out_disk(std::uint64_t content_bytes, std::uint64_t inodes, DiskFirmware firmware,
                        std::optional<std::uint64_t> disk_mib);

/// Writes both partition tables and the protective MBR of `disk`, which has its size, with sfdisk.
/// Throws base::Error kArtifactTool.
void write_partition_table(base::ProcessRunner& runner, const std::filesystem::path& disk,
                           const DiskLayout& layout, std::stop_token stop);

}  // namespace stages
