// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/build_plan.hpp"

namespace orchestrator {

/// Plans spec.importers of an OSArtifact into `build.imports`, one stage for all of them in order,
/// and spec.exporters into `build.exports`, one stage each. Their images are resolved with the
/// OSArtifact's credentials, imagePullSecrets first of all. `output` is the folder of the
/// artifacts. Throws base::Error for what is wrong with them: nothing has started.
void plan_tools(Session& session, BuildPlan& build, const manifest::OSArtifact& artifact,
                const std::filesystem::path& output, const std::string& where);

}  // namespace orchestrator
