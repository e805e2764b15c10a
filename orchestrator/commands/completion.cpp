// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "orchestrator/command_line.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/completion_script.hpp"

namespace orchestrator {

int run_completion(Session& session, const Invocation& invocation) {
  session.environment().out << completion_script(describe_command_line(), invocation.subject);
  return 0;
}

}  // namespace orchestrator
