// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string_view>

namespace oci {

/// Copies the first `size` bytes of the open file `from` into the new, empty file `to`: blocks are
/// shared where the file system can, holes stay holes, and the kernel copies what it may. `name` is
/// for messages. Throws base::Error kIo or kNoSpace.
void copy_file_contents(int from, int to, off_t size, std::string_view name);

}  // namespace oci
