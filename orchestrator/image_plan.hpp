// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/keychain.hpp"
#include "oci/pull.hpp"
#include "oci/registry_rules.hpp"
#include "orchestrator/build_plan.hpp"
#include "orchestrator/image_request.hpp"

namespace orchestrator {

/// Plans how an OSArtifact comes to its image: by a pull, or by building it and pushing it where
/// the manifest says so. Adds the stages to `build.plan`. Throws base::Error.
PlannedImage plan_image(Session& session, BuildPlan& build, const BuildRequest& request,
                        const manifest::OSArtifact& artifact, const std::string& where);

}  // namespace orchestrator
