// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/process.hpp"

namespace stages {

/// Writes GRUB for a BIOS that boots from a CD, or, through boot_hybrid.img, from a stick:
/// cdboot.img with a core that reads its menu from /boot/grub2. `modules` is an i386-pc folder of
/// GRUB. Throws base::Error kArtifactTool.
void make_eltorito_image(base::ProcessRunner& runner, const std::filesystem::path& modules,
                         const std::filesystem::path& output, std::stop_token stop);

}  // namespace stages
