// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/process.hpp"
#include "stages/architecture.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/disk_layout.hpp"

namespace stages {

/// Reads a finished raw disk back and makes sure that it is one that starts and installs itself:
/// both partition tables with their checksums and the second one in the last sector; the partitions
/// of a Kairos disk, in order; a FAT file system COS_GRUB with the program that the firmware
/// starts, or GRUB's code for a BIOS pointing at itself; COS_OEM with cloud-config, reset
/// configuration and a next boot into recovery; COS_RECOVERY with the menu and an image COS_SYSTEM
/// inside it that has a kernel of that architecture and an initrd. Throws base::Error kArtifactTool
/// saying what is wrong.
void check_raw_disk(base::ProcessRunner& runner, const std::filesystem::path& disk,
                    DiskFirmware firmware, Architecture architecture, const std::stop_token& stop);

}  // namespace stages
