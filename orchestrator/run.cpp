// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/run.hpp"

#include <ostream>

namespace orchestrator {

int run(const std::vector<std::string>& arguments, Environment& environment) {
  if (!arguments.empty() && arguments[0] == "version") {
    environment.out << "osartifact " << OSARTIFACT_VERSION << '\n';
    return 0;
  }
  return 2;
}

}  // namespace orchestrator
