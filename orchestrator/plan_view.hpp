// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "orchestrator/build_plan.hpp"

namespace orchestrator {

// What `osartifact plan` shows: images and where they are asked for, stages and their states, and
// which credential goes where, by name alone. May ask credential helpers.

std::string plan_as_text(const BuildPlan& build, const std::vector<StageState>& states);
nlohmann::json plan_as_json(const BuildPlan& build, const std::vector<StageState>& states);
/// For Graphviz.
std::string plan_as_dot(const BuildPlan& build, const std::vector<StageState>& states);

}  // namespace orchestrator
