// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/disk_bytes.hpp"

namespace stages {

/// One used entry of a GUID partition table, in bytes.
struct GptPartition {
  std::string type;  ///< 16 bytes as on disk.
  std::string guid;  ///< Its own, as on disk.
  std::string name;  ///< In UTF-8 where it is ASCII; else with '?'.
  std::uint64_t attributes = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// "EFI system partition" as on disk. Source: UEFI 2.10, table 5.7.
inline constexpr std::string_view kEfiSystemType(
    "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b", 16);

/// "BIOS boot partition", GRUB's, and "Linux filesystem data".
inline constexpr std::string_view kBiosBootType("Hah!IdontNeedEFI", 16);
inline constexpr std::string_view kLinuxDataType(
    "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4", 16);

/// A GUID as on disk, in its usual form: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b".
std::string guid_text(std::string_view guid);

/// Checks a disk of 512-byte sectors: protective MBR, GPT header and entries with their checksums,
/// the second header in the very last sector and equal in what it says, partitions inside the disk.
/// Throws base::Error kArtifactTool. Source: UEFI 2.10, chapter 5.
std::vector<GptPartition> check_gpt(const DiskBytes& disk);

}  // namespace stages
