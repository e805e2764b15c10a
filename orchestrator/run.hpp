// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "orchestrator/environment.hpp"

namespace orchestrator {

/// The program: parses `arguments` (without the program's name), does it, and returns the exit
/// status. The one place where errors are caught and shown: last on environment.err, and in the
/// termination log of a pod.
int run(const std::vector<std::string>& arguments, Environment& environment);

/// Says, in the same places, that the process which did the work was ended by `signal`.
void show_killed(int signal, bool out_of_memory, Environment& environment);

}  // namespace orchestrator
