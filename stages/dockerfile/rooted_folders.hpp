// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "stages/dockerfile/copy.hpp"

namespace stages::dockerfile {

/// Makes the folder `path` and its parents beneath the folder `root`, as WORKDIR does: new ones get
/// `owner` and mode 0755, those that are there stay as they are. Symlinks on the way are followed
/// inside `root`, also those that lead to nothing. Throws base::Error kBuildStep when a file is in
/// the way, kIo, kNoSpace.
void make_folder_in(const std::filesystem::path& root, const std::string& path, Ownership owner);

}  // namespace stages::dockerfile
