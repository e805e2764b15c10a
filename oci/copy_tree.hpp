// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace oci {

/// Copies what is in the folder `from` into the empty folder `to`, with types, modes, owners,
/// times, extended attributes, holes and links among the files, and the folder's own attributes.
/// The blocks are shared where the file system can. Nothing of the host is followed; nobody else
/// changes the two meanwhile. Throws base::Error kIo or kNoSpace.
void copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace oci
