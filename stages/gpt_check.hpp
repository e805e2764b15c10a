// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "stages/disk_bytes.hpp"

namespace stages {

/// One used entry of a GUID partition table, in bytes.
struct GptPartition {
  std::string type;  ///< 16 bytes as on disk.
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// "EFI system partition" as on disk. Source: UEFI 2.10, table 5.7.
inline constexpr std::string_view kEfiSystemType(
    "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b", 16);

/// Checks a disk of 512-byte sectors: protective MBR, GPT header and entries with their checksums,
/// the second header in the very last sector and equal in what it says, partitions inside the disk.
/// Throws base::Error kArtifactTool. Source: UEFI 2.10, chapter 5.
std::vector<GptPartition> check_gpt(const DiskBytes& disk);

}  // namespace stages
