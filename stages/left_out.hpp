// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace stages {

/// Folders of a root whose contents belong to a running system, never to an artifact.
inline constexpr std::array<std::string_view, 7> kLeftOutFolders = {"mnt", "proc", "sys", "dev",
                                                                    "tmp", "host", "run"};

}  // namespace stages
