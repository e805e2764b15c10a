// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/process.hpp"
#include "stages/disk_layout.hpp"

namespace stages {

/// Makes `disk` start from a BIOS: GRUB's boot.img in its first sector, around the partition table
/// that is there, and a core in `partition` that goes on to /grub2 of the third partition.
/// `modules` is an i386-pc folder of GRUB, `work` an existing folder for one small file. Throws
/// base::Error kArtifactTool or kIo. Source: GRUB's util/setup.c and grub-core/boot/i386/pc.
void put_bios_grub(base::ProcessRunner& runner, const std::filesystem::path& modules,
                   const std::filesystem::path& disk, const DiskPartition& partition,
                   const std::filesystem::path& work, std::stop_token stop);

}  // namespace stages
