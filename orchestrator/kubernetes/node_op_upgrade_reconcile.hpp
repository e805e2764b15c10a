// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "orchestrator/kubernetes/event_recorder.hpp"
#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// What a NodeOpUpgrade needs next, and its status after it.
struct NodeOpUpgradeDecision {
  std::optional<Object> create;  ///< The NodeOp that does the work.
  Object status;                 ///< The NodeOp's, in words of its own.
  std::vector<EventNote> events;
};

/// `node_op`: the NodeOp of that name, or nullptr. One that is over is not made again when somebody
/// deletes it; one that is somebody else's is left alone, and the upgrade waits for its name.
NodeOpUpgradeDecision decide_upgrade(const Object& upgrade,
                                     const std::shared_ptr<const Object>& node_op,
                                     std::chrono::system_clock::time_point now);

}  // namespace orchestrator::kubernetes
