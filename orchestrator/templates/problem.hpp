// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace orchestrator::templates {

/// What is wrong with a template: thrown inside this folder, made a base::Error at its border.
/// Never holds one of the values: they may come from Secrets.
struct Problem {
  int line = 0;  ///< From 1; 0: the one who catches it knows.
  std::string message;
};

[[noreturn]] inline void fail(int line, std::string message) {
  throw Problem{line, std::move(message)};
}

}  // namespace orchestrator::templates
