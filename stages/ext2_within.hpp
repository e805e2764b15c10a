// SPDX-License-Identifier: Apache-2.0
#pragma once

// It does not say itself that it is C.
extern "C" {
#include <et/com_err.h>
}
#include <ext2fs/ext2fs.h>

#include "stages/ext2_image.hpp"

namespace stages {

/// Where a file system lies: from byte `offset` of a file on, in one piece, or in blocks of 4096
/// bytes of another file system that begins there.
struct Ext2Place {
  std::uint64_t offset = 0;
  std::optional<Ext2Blocks> within;
};

/// A way for libext2fs to reach a file system at `place`. The manager is for the very next channel
/// that this thread opens: libext2fs has no other way to tell a channel anything.
io_manager ext2_manager_for(Ext2Place place);

}  // namespace stages
