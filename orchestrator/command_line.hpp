// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "orchestrator/options.hpp"

namespace orchestrator {

/// Text that was asked for instead of a command: --help, --version.
struct HelpText {
  std::string text;
};

/// Parses the arguments (without the program's name). Throws base::Error kUsage with a "did you
/// mean" where one is near.
std::variant<Invocation, HelpText> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace orchestrator
