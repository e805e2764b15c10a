// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "stages/root_tree.hpp"

namespace stages {

/// The processors that we make bootable artifacts for.
enum class Architecture { kAmd64, kArm64 };

/// "amd64", "arm64": Go's names, as in OCI platforms.
std::string_view name_of(Architecture architecture);

/// Also takes "x86_64" and "aarch64". Throws base::Error kUnsupported for any other.
Architecture parse_architecture(std::string_view name);

/// What the tree's own programs are built for, by the ELF header of the first well-known one;
/// nullopt when none of them is there. Throws base::Error kUnsupported for another processor.
std::optional<Architecture> architecture_of_tree(const RootTree& root);

/// What a kernel is for, by its headers: "HdrS" (Linux Documentation/x86/boot.rst), the arm64 Image
/// magic (Documentation/arm64/booting.rst) or the machine of its PE header; nullopt when it does
/// not say, as a gzip-compressed one.
std::optional<Architecture> architecture_of_kernel(std::string_view head);

/// Throws base::Error kArtifactTool when the tree or the kernel is for another processor than
/// `wanted`. `kernel_head` holds at least the kernel's first kKernelHeadBytes.
void check_architecture(const RootTree& root, std::string_view kernel_head, Architecture wanted);

inline constexpr std::size_t kKernelHeadBytes = 4096;

}  // namespace stages
