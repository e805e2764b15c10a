// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/kubernetes/resource.hpp"
#include "orchestrator/manifest/node_op.hpp"

namespace orchestrator::kubernetes {

/// What a drain of a node comes to, given the pods on it.
struct DrainPlan {
  std::vector<Object> evict;        ///< To be asked to go, and not going yet.
  std::vector<ObjectName> leaving;  ///< Asked, and still there: wait for them.
  std::vector<ObjectName> staying;  ///< The options leave them: unmanaged, or with emptyDir data.
  std::vector<ObjectName> daemons;  ///< Of DaemonSets, where ignoreDaemonSets is false: no drain.

  [[nodiscard]] bool is_done() const { return evict.empty() && leaving.empty(); }
};

/// Never evicts what belongs to a NodeOp, static pods, finished ones, or the operator's own.
DrainPlan plan_drain(const std::vector<Object>& pods, const manifest::DrainOptions& options,
                     const ObjectName& operator_pod);

/// The body of an eviction, with the grace period that the options ask for.
Object eviction_of(const Object& pod, const manifest::DrainOptions& options);

}  // namespace orchestrator::kubernetes
