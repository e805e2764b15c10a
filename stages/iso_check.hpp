// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/process.hpp"
#include "stages/architecture.hpp"

namespace stages {

/// Reads a finished ISO back and makes sure that it is one that boots: volume COS_LIVE, El Torito
/// (EFI always, BIOS for amd64), protective MBR, both GPTs with their checksums and the second one
/// in the last sector, an EFI system partition that El Torito and GPT agree on and that holds the
/// program firmware starts, and on the ISO kernel (of that architecture), initrd, squashfs, menu
/// and cloud-config, none of them cut off. Throws base::Error kArtifactTool saying what is wrong.
/// Sources: ECMA-119, El Torito 1.0, UEFI 2.10 chapters 5 and 13.
void check_iso(base::ProcessRunner& runner, const std::filesystem::path& iso,
               Architecture architecture, const std::stop_token& stop);

}  // namespace stages
