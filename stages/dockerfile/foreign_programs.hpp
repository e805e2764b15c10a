// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "oci/platform.hpp"

namespace stages::dockerfile {

/// Nullopt when programs of `platform` run on `host`: by themselves, or because a program that runs
/// them is registered for good (flag F) in `binfmt`. Else why not.
/// Source: Linux, admin-guide/binfmt-misc.rst.
std::optional<std::string> obstacle_to_running(
    const oci::Platform& platform, const oci::Platform& host,
    const std::filesystem::path& binfmt = "/proc/sys/fs/binfmt_misc");

}  // namespace stages::dockerfile
