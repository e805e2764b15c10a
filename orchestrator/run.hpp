// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace orchestrator {

/// What the program sees of the world, so that a test can run all of it in memory.
struct Environment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

/// The program: parses `arguments` (without the program's name), does it, and returns the exit
/// status.
int run(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace orchestrator
