// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace oci {

// Flushing a root filesystem to disk costs more than unpacking it, and only a power loss makes it
// matter. So a finished folder is not flushed but marked with the boot it was made in: while that
// boot lasts the page cache has it whole, and by the time it is used again the kernel has written
// it, so that flushing costs nothing and the mark says "synced". After another boot a folder that
// never got that far is not believed.

/// Marks `folder` as finished in this boot. Throws base::Error kIo or kNoSpace.
void mark_finished(const std::filesystem::path& folder);

/// Whether `folder` was finished and can be believed. Throws base::Error kIo.
bool is_finished(const std::filesystem::path& folder);

}  // namespace oci
