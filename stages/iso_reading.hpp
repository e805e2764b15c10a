// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/process.hpp"
#include "stages/disk_bytes.hpp"

namespace stages {

// What the checks of ISO images have in common. Each throws base::Error kArtifactTool as DiskBytes
// does. Sources: ECMA-119, El Torito 1.0, UEFI 2.10 chapters 5 and 13.

/// The volume is called `label` and is all there.
void check_iso_volume(const DiskBytes& iso, std::string_view label);

/// The name of the volume, without the blanks at its end.
std::string iso_volume_name(const DiskBytes& iso);

/// Where the images of the boot catalogue lie, in bytes.
struct IsoBootEntries {
  std::optional<std::uint64_t> bios;
  std::optional<std::uint64_t> efi;
};

IsoBootEntries read_boot_catalog(const DiskBytes& iso);

/// The offset of the EFI system partition, in which both the GPT and `entries` see a FAT file
/// system.
std::uint64_t check_efi_partition(const DiskBytes& iso, const IsoBootEntries& entries);

/// A file of one extent.
struct IsoFile {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// The files of the upper three folders, by path ("/boot/kernel"); xorriso reads them.
std::map<std::string, IsoFile> list_iso_files(base::ProcessRunner& runner, const DiskBytes& iso,
                                              std::stop_token stop);

/// A file that is there, whole, and has at least `least_bytes`.
const IsoFile& require_iso_file(const DiskBytes& iso, const std::map<std::string, IsoFile>& files,
                                const std::string& name, std::uint64_t least_bytes);

}  // namespace stages
