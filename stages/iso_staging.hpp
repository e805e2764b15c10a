// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "base/process.hpp"
#include "stages/iso_image.hpp"

namespace stages {

/// Writes the small files of an ISO into `folder`, laid out as on the ISO: menus, cloud-config, the
/// EFI image (boot/uefi.img) and, with BIOS modules, boot/eltorito.img and boot/boot_hybrid.img.
/// Throws base::Error kArtifactTool or kIo.
void stage_iso_tree(base::ProcessRunner& runner, const IsoContents& contents,
                    const IsoOptions& options, const std::filesystem::path& folder,
                    const std::stop_token& stop);

}  // namespace stages
