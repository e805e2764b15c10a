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

/// One flag, or one argument that has no flag.
struct OptionHelp {
  std::vector<std::string> flags;    ///< "-o", "--output"; empty for a positional argument.
  std::string value;                 ///< "DIR", "auto|tty|plain|json"; empty: the flag takes none.
  std::vector<std::string> choices;  ///< Every value it takes, where there are few.
  std::string text;
  std::string variable;  ///< "OSARTIFACT_STORE"; empty: none.
  std::string name;      ///< Of a positional argument: "FILE".
  bool required = false;
  bool repeatable = false;
};

/// A command and the commands below it, as --help has them: for completion and manual pages.
struct CommandHelp {
  std::string name;
  std::string text;
  std::vector<OptionHelp> options;
  std::vector<CommandHelp> commands;
};

/// A positional argument as a synopsis has it: "FILE", "[NAME]", "FILE...".
std::string synopsis(const OptionHelp& argument);

/// The whole command line; the options of the top are those that every command takes.
CommandHelp describe_command_line();

/// Parses the arguments (without the program's name). Throws base::Error kUsage with a "did you
/// mean" where one is near.
std::variant<Invocation, HelpText> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace orchestrator
