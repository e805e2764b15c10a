// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stages/root_tree.hpp"
#include "stages/supply_chain/installed_packages.hpp"

namespace stages::supply_chain {

/// Adds the packages of rpm's databases (SQLite and ndb), and names those that cannot be read, or
/// not whole. Throws base::Error kIo.
void read_rpm(const RootTree& root, SystemContents& contents);

}  // namespace stages::supply_chain
