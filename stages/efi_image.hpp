// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "base/process.hpp"

namespace stages {

/// One file of a FAT image.
struct FatFile {
  std::filesystem::path source;  ///< A file on this machine.
  std::string target;            ///< "EFI/BOOT/bootx64.efi": its folders are made as needed.
};

struct FatImageOptions {
  std::string label = "EFI_LIVE";
  std::uint64_t bytes = 0;  ///< 0: what the files need, up to the next 4 MiB.
  std::int64_t epoch = 0;   ///< Date of everything in it, seconds since 1970.
  bool fat32 = false;       ///< Else what suits the size. Makes 40 MiB at least.
};

/// Writes a FAT file system to `output` with mtools: nothing is mounted. The serial number comes
/// from the label and the date, so the same files give the same bytes. Throws base::Error
/// kArtifactTool.
void make_fat_image(base::ProcessRunner& runner, const std::vector<FatFile>& files,
                    const std::filesystem::path& output, const FatImageOptions& options,
                    std::stop_token stop);

}  // namespace stages
