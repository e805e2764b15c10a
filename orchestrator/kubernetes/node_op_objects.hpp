// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "orchestrator/kubernetes/resource.hpp"
#include "orchestrator/manifest/node_op.hpp"

namespace orchestrator::kubernetes {

/// What all NodeOps have in common, from the operator's environment.
struct NodeOpSettings {
  std::string default_image = "busybox:latest";  ///< Where a NodeOp names none.
  std::string operator_image;                    ///< Has nsenter, to reboot a node with.
  ObjectName operator_pod;                       ///< Never evicted. Empty: not known.
};

/// A NodeOp as the API has it, and as it is read.
struct NodeOpSource {
  const Object& object;
  const manifest::NodeOp& op;
  const NodeOpSettings& settings;
};

/// The Job that runs the command on a node, with the node's root at hostMountPath.
Object node_job(const NodeOpSource& source, const std::string& node);

/// The pod that finds out whether there is anything to do; it sees the node's root read-only.
Object preflight_pod(const NodeOpSource& source, const std::string& node);

/// The pod that reboots a node, by entering its first process. It needs no API: that the node came
/// back is seen by its boot ID, which is not `boot_id` any more.
Object reboot_pod(const NodeOpSource& source, const std::string& node, const std::string& boot_id);

/// NAMESPACE/NAME@UID: what a node that the NodeOp cordoned is marked with.
std::string cordon_mark(const Object& node_op);

/// The NodeOp that a NodeOpUpgrade makes, owned by it. `op` is node::node_op_for() of it.
Object node_op_object(const Object& upgrade, const manifest::NodeOp& op);

}  // namespace orchestrator::kubernetes
