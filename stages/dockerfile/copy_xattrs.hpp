// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace stages::dockerfile {

/// The extended attributes of an open file or folder that a copy of it gets, by name: all of an
/// image's but what overlayfs and SELinux mean by theirs; of a build context `user.*` and file
/// capabilities alone, for the rest is the host's. `name` is for messages. Throws base::Error kIo.
std::vector<std::pair<std::string, std::string>> file_xattrs(int fd, bool of_image,
                                                             const std::string& name);

/// Gives those of `from` to `to`. What the file system cannot hold, or we may not give, is left
/// out.
void copy_file_xattrs(int from, int to, bool of_image, const std::string& name);

}  // namespace stages::dockerfile
