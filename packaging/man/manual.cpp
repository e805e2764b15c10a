// SPDX-License-Identifier: Apache-2.0
// Prints osartifact(1); runs while the program is built.
#include <iostream>

#include "orchestrator/manual_page.hpp"

int main() {
  std::cout << orchestrator::manual_page(orchestrator::describe_command_line(), OSARTIFACT_VERSION);
}
