// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "stages/architecture.hpp"
#include "stages/root_tree.hpp"

namespace stages {

/// A file that an artifact is booted with.
struct BootFile {
  std::filesystem::path file;  ///< Where it lies on this machine.
  std::string origin;          ///< For people: "/boot/vmlinuz-6.1 of the image".
};

struct KernelAndInitrd {
  BootFile kernel;
  BootFile initrd;
  std::string version;                ///< "6.1.0-56-amd64"; empty when no name tells.
  std::vector<std::string> warnings;  ///< What looks wrong but need not be.
};

/// Finds what an image boots with, in /boot. A name without version (`vmlinuz`, `initrd.img`: the
/// image's own choice) wins; else the newest version that has both files. The initrd is the one of
/// the kernel's version where there are several. Throws base::Error kArtifactTool naming every
/// place looked at when one is missing or its link leads nowhere: such an image says which kernel
/// it wants and does not have it.
KernelAndInitrd find_kernel(const RootTree& root);

struct Kernel {
  BootFile file;
  std::string version;  ///< As in KernelAndInitrd.
};

/// As find_kernel(), for artifacts that bring an initrd of their own: the image needs none.
Kernel find_kernel_alone(const RootTree& root);

/// Whether a name of /boot is that of a kernel, or of an initrd, to boot with.
bool is_kernel_name(std::string_view name);
bool is_initrd_name(std::string_view name);

}  // namespace stages
