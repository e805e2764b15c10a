// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "orchestrator/kubernetes/controller.hpp"

namespace orchestrator::kubernetes {

/// Brings OSArtifacts from Pending over Building and Exporting to Ready, or to Error.
std::unique_ptr<Controller> make_artifact_controller(ControllerContext& context);

}  // namespace orchestrator::kubernetes
