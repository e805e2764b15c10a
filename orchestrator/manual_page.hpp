// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "orchestrator/command_line.hpp"

namespace orchestrator {

/// osartifact(1) as groff source (man macros): every command and flag in the words of --help, and
/// what a user needs who has nothing else to read. Source: man-pages(7).
std::string manual_page(const CommandHelp& program, const std::string& version);

}  // namespace orchestrator
