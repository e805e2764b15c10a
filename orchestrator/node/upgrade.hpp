// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "orchestrator/manifest/node_op.hpp"

namespace orchestrator::node {

/// The NodeOp that does an upgrade: cordon, drain, a preflight that leaves nodes alone which are at
/// that version (unless `force`), kairos-agent from the image, and a reboot where the active system
/// is upgraded. No value of the manifest is part of a script: they are arguments.
/// Source: kairos-operator v0.1.3, NodeOpUpgrade.
manifest::NodeOp node_op_for(const manifest::NodeOpUpgrade& upgrade);

}  // namespace orchestrator::node
