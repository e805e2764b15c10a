// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace tests {

/// What is in a tree, a line per path in order of names: type, mode, owner, time, device, xattrs,
/// which names share a file, contents. Two trees are the same when their listings are.
/// `with_times`: false where they cannot be foreseen.
std::string list_tree(const std::filesystem::path& root, bool with_times = true);

}  // namespace tests
