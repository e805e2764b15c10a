// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "orchestrator/kubernetes/controller.hpp"

namespace orchestrator::kubernetes {

/// Brings NodeOps from Pending over Running to Completed or Failed, and gives nodes back whose
/// NodeOp is no more.
std::unique_ptr<Controller> make_node_op_controller(ControllerContext& context);

/// Makes the NodeOp of every NodeOpUpgrade, and shows how it goes.
std::unique_ptr<Controller> make_node_op_upgrade_controller(ControllerContext& context);

}  // namespace orchestrator::kubernetes
