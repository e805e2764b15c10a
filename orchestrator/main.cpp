// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "orchestrator/run.hpp"

int main(int argc, char** argv) {
  orchestrator::Environment environment{std::cin, std::cout, std::cerr};
  return orchestrator::run({argv + 1, argv + argc}, environment);
}
