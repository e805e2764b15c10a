// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "stages/disk_bytes.hpp"

namespace stages {

/// What the first sector of a FAT file system says. Source: Microsoft's FAT specification, 3.1-3.3.
struct FatVolume {
  std::string kind;  ///< "FAT12", "FAT16", "FAT32".
  std::string label;
  std::uint64_t bytes = 0;
};

/// The FAT file system that begins at byte `offset`; nullopt when none does.
std::optional<FatVolume> read_fat(const DiskBytes& disk, std::uint64_t offset);

/// Paths of files in a folder of it ("EFI/BOOT"), in lower case; empty when there is no such
/// folder. Read with mtools. Throws base::Error when mtools is missing, or kInterrupted.
std::vector<std::string> fat_names(base::ProcessRunner& runner, const DiskBytes& disk,
                                   std::uint64_t offset, const std::string& folder,
                                   std::stop_token stop);

}  // namespace stages
