// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "stages/boot_files.hpp"
#include "stages/root_tree.hpp"

namespace stages::uki {

/// systemd's EFI programs for one architecture.
struct SystemdBoot {
  BootFile stub;              ///< What a unified kernel image begins with.
  BootFile loader;            ///< The boot menu.
  std::string fallback_name;  ///< "BOOTX64.EFI": what firmware starts from removable media.
};

/// Both from the image, or both from this machine's Debian package. Throws base::Error
/// kArtifactTool naming every place looked at.
SystemdBoot find_systemd_boot(const RootTree& root, Architecture architecture);

/// What firmware of that architecture starts from removable media: "BOOTX64.EFI".
std::string fallback_name(Architecture architecture);

/// The major version that a stub or loader of systemd says it has; 0 when it does not say.
int systemd_version(const std::filesystem::path& program);

/// `uname -r` of a kernel: what the header of an x86 image says (Linux,
/// Documentation/arch/x86/boot.rst, kernel_version), else `fallback`.
std::string kernel_release(const std::filesystem::path& kernel, const std::string& fallback);

}  // namespace stages::uki
