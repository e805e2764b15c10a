// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace oci {

/// The names in an open folder (O_PATH will do), in byte order. `path` is for messages. Throws
/// base::Error kIo.
std::vector<std::string> names_in(int folder, const std::string& path);

/// Where the symlink `name` in an open folder leads, as it is written; none with errno set.
std::optional<std::string> link_target(int folder, const std::string& name);

}  // namespace oci
