// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "orchestrator/artifact_kinds.hpp"
#include "orchestrator/build_plan.hpp"

namespace orchestrator {

/// The names that --artifact-engine takes, the default first.
std::vector<std::string> artifact_engine_names();

/// The program of --artifact-engine that makes the artifacts of an OSArtifact: the one on PATH, or
/// that of --artifact-engine-image, whose pull, with imagePullSecrets first of all, is added to
/// `build.plan`. Nothing for the native engine. Throws base::Error kArtifactTool for a program that
/// is missing or too old: nothing has started.
PlannedTool plan_artifact_tool(Session& session, BuildPlan& build,
                               const manifest::OSArtifact& artifact, const std::string& where);

}  // namespace orchestrator
