// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "orchestrator/command_line.hpp"

namespace orchestrator {

// Pages of docs/ and manual pages that are made from the tables the program itself works with.

/// docs/flags.md: every command and flag in the words of --help.
std::string flags_page(const CommandHelp& program);

/// docs/manifest.md: every field of an OSArtifact that is not Kubernetes' own, from the tables of
/// manifest/schema.hpp.
std::string manifest_page();

/// The same as groff source (man macros), osartifact(5).
std::string manifest_manual_page(const std::string& version);

}  // namespace orchestrator
