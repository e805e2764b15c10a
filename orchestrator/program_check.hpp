// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/plan.hpp"

namespace orchestrator {

/// Whether a program is on PATH.
using ProgramIsThere = std::function<bool(const std::string& name)>;

/// Throws base::Error kArtifactTool, naming all programs that stages which will run need and that
/// are not there, with the Debian packages that have them: before anything is fetched.
void check_programs(const Plan& plan, const std::vector<StageState>& states,
                    const ProgramIsThere& is_there);

/// The same, with the programs of this machine.
void check_programs(const Plan& plan, const std::vector<StageState>& states);

}  // namespace orchestrator
