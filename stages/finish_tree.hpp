// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

namespace stages {

/// What an OSArtifact asks for on top of its image.
struct FinishTreeOptions {
  std::optional<std::string> os_release;         ///< Whole content of /etc/os-release.
  std::optional<std::string> kairos_release;     ///< Whole content of /etc/kairos-release.
  std::optional<std::filesystem::path> overlay;  ///< A folder laid over the root, last.
  std::int64_t epoch = 0;                        ///< Date of what is made, seconds since 1970.
};

/// Makes an image's root into the root of an artifact, in place: the folders that a system needs to
/// start exist (/run /dev /boot /usr/local /oem /proc /sys with 0555, /tmp with 1777; one that is
/// there keeps its mode, but for /tmp), the release files are replaced where their links lead
/// inside the root, the overlay lies over all. Folders keep their dates though things are added to
/// them. The contents of kLeftOutFolders stay in the tree, and whoever writes an artifact leaves
/// them out: emptying them would cost a whiteout for each name where the tree is an overlay. Throws
/// base::Error kIo, kNoSpace, kArtifactTool, or kInterrupted on `stop`. May be called again.
void finish_tree(const std::filesystem::path& root, const FinishTreeOptions& options,
                 const std::stop_token& stop);

}  // namespace stages
