// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/copy.hpp"

namespace stages::dockerfile {

/// Whom a process runs as.
struct ImageUser {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;  ///< Others that it belongs to.
  std::string home = "/";
};

/// What USER says ("", "name", "1000", "name:group", "1000:1000"), looked up in /etc/passwd and
/// /etc/group beneath `root`, of which at most 10 MiB are read. Throws base::Error kBuildStep for a
/// name that is in neither.
ImageUser find_user(const std::filesystem::path& root, std::string_view text);

/// What --chown says, likewise: a number alone is the group's too, a name's group is its own.
Ownership find_owner(const std::filesystem::path& root, std::string_view text);

/// Whether find_owner() needs no look into the files.
bool is_numeric_owner(std::string_view text);

}  // namespace stages::dockerfile
