// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <ostream>

#include "orchestrator/commands/commands.hpp"

namespace orchestrator {

int run_version(Session& session, const Invocation& invocation) {
  auto& out = session.environment().out;
  if (invocation.format == "json") {
    out << nlohmann::json({{"name", "osartifact"}, {"version", OSARTIFACT_VERSION}}).dump() << '\n';
  } else {
    out << "osartifact " << OSARTIFACT_VERSION << '\n';
  }
  return 0;
}

}  // namespace orchestrator
