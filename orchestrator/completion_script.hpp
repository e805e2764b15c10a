// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "orchestrator/command_line.hpp"

namespace orchestrator {

/// A script that completes commands, flags and their values; files where a flag takes one.
/// `shell`: "bash", "zsh" or "fish".
std::string completion_script(const CommandHelp& program, std::string_view shell);

}  // namespace orchestrator
