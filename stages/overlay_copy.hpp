// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "stages/root_tree.hpp"

namespace stages {

/// Copies what `overlay` holds over `tree`, with owners, modes, dates, xattrs, links and devices.
/// Files and links replace what has their name; folders join with what is there, also through the
/// tree's own links (an overlay's bin/x lands in usr/bin where /bin leads there). The overlay's top
/// folder lends nothing to the root; sockets are left out; names of one file become files of their
/// own. Owners and security xattrs need privilege and are left out without it.
/// Throws base::Error kIo, kNoSpace, kArtifactTool (a file over a folder) or kInterrupted.
void copy_overlay(const std::filesystem::path& overlay, const RootTree& tree,
                  const std::stop_token& stop);

}  // namespace stages
