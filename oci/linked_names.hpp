// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stop_token>

#include "oci/overlay_mount.hpp"

namespace oci {

/// As mount_overlay(), but a lower file with several names stays one file when it is changed, where
/// the file system can: see copy_up_linked_names(). What the work folder's "index" holds then tells
/// whether any was. Throws base::Error kIo.
Mount mount_overlay_keeping_links(const OverlayLayers& layers, const std::filesystem::path& at);

/// In an overlay that keeps links: where one name of a lower file was changed, its other names
/// changed with it, but only the one has its place in the upper folder yet. Gives the others
/// theirs. `lower` and `merged` are open folders: the tree below the overlay, and the overlay.
/// Throws base::Error kIo, kInterrupted. Source: Linux, filesystems/overlayfs.rst, "index".
void copy_up_linked_names(int lower, int merged, const std::stop_token& stop);

}  // namespace oci
