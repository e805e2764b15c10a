// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <iosfwd>

#include "base/proxy.hpp"

namespace orchestrator {

/// What the program sees of the world, so that a test can run all of it in memory.
struct Environment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  base::Environment variables;
  std::filesystem::path termination_log;  ///< Written when it exists; "/dev/termination-log".
};

}  // namespace orchestrator
