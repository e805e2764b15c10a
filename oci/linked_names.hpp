// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

namespace oci {

/// In an overlay that keeps links: where one name of a lower file was changed, its other names
/// changed with it, but only the one has its place in the upper folder yet. Gives the others
/// theirs. `lower` and `merged` are open folders: the tree below the overlay, and the overlay.
/// Throws base::Error kIo, kInterrupted. Source: Linux, filesystems/overlayfs.rst, "index".
void copy_up_linked_names(int lower, int merged, const std::stop_token& stop);

}  // namespace oci
