// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "orchestrator/kubernetes/resource.hpp"
#include "orchestrator/manifest/node_op.hpp"

namespace orchestrator::kubernetes {

/// Whether labels (an object, or null) are what a LabelSelector asks for; null asks for nothing.
/// Source: Kubernetes, LabelSelector.
bool matches(const Object& selector, const Object& labels);

/// The nodes that a NodeOp means, in the order they are worked on: control planes first, then by
/// name.
std::vector<std::shared_ptr<const Object>> select_nodes(
    const manifest::NodeOp& op, const std::vector<std::shared_ptr<const Object>>& nodes);

/// Whether the node's kubelet says that it is well.
bool is_ready(const Object& node);
/// Tells the boots of a node apart.
std::string boot_id_of(const Object& node);

}  // namespace orchestrator::kubernetes
