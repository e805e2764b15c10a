// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stages/architecture.hpp"
#include "stages/boot_files.hpp"
#include "stages/root_tree.hpp"

namespace stages {

/// What GRUB is to boot from: the builds for optical media know ISO 9660, the others may not.
enum class BootMedium { kIso, kDisk };

/// The EFI programs and the names that shim expects beside itself.
struct EfiBootloader {
  std::optional<BootFile> shim;  ///< None: GRUB is started directly, so not under Secure Boot.
  BootFile grub;
  std::string fallback_name;  ///< "bootx64.efi": what firmware starts from removable media.
  std::string grub_name;      ///< "grubx64.efi": what shim starts.
};

/// Shim and GRUB, both from the image or both from this machine's Debian packages: shim trusts the
/// GRUB of its own distribution only. Throws base::Error kArtifactTool naming every place looked
/// at.
EfiBootloader find_efi_bootloader(const RootTree& root, Architecture architecture,
                                  BootMedium medium);

/// GRUB's modules for BIOS (i386-pc), with boot_hybrid.img and cdboot.img. This machine's are
/// first, because grub-mkimage wants modules of its own version; the image's are second. Throws
/// base::Error kArtifactTool.
BootFile find_bios_grub(const RootTree& root);

/// FLAVOR of kairos-release, else ID of os-release, in lower case; empty when neither says.
std::string flavor_of(const RootTree& root);

/// MODEL of kairos-release, the board that the image is for ("generic", "rpi4"), in lower case;
/// empty when it does not say.
std::string model_of(const RootTree& root);

}  // namespace stages
