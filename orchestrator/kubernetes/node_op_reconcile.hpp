// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/kubernetes/event_recorder.hpp"
#include "orchestrator/kubernetes/node_op_objects.hpp"

// What a NodeOp needs next, from what there is; no request is made here. It may be asked again at
// any moment, also by another process: everything it knows is in the objects.
//
// A node goes: Preflight -> Pending (cordon, drain, Job made) -> Running -> Completed or Failed;
// with a reboot Completed is the end only when rebootStatus is no longer "pending". Source of the
// words: kairos-operator v0.1.3.

namespace orchestrator::kubernetes {

using Objects = std::vector<std::shared_ptr<const Object>>;

/// What there is.
struct NodeOpState {
  Object object;  ///< The NodeOp, with apiVersion and kind.
  NodeOpSettings settings;
  Objects nodes;                             ///< All of the cluster.
  Objects jobs;                              ///< That the NodeOp controls.
  Objects pods;                              ///< With its label: of its Jobs, preflight, reboot.
  std::vector<std::string> missing_secrets;  ///< Of imagePullSecrets.
  /// All pods on a node; asked for only where one is drained.
  std::function<std::vector<Object>(const std::string& node)> pods_on;
  /// Why the last try to evict a pod was refused.
  std::map<ObjectName, std::string> refusals;
  /// Why the API server takes no pod of a Job, for those that lacks_pod(): by the Job's name.
  std::map<std::string, std::string> pod_refusals;
  std::chrono::system_clock::time_point now;
};

/// One request. All of them may be made again: what is there already, or gone, is fine.
struct NodeOpAction {
  enum class Kind {
    kCreate,     ///< A Job or Pod, `body`.
    kDeletePod,  ///< `name`.
    kPatchNode,  ///< Merge `body`, which holds the resourceVersion, into the node `name`.
    kEvict       ///< The pod `name`; `body` is the Eviction.
  };
  Kind kind;
  ObjectName name;
  Object body;
};

/// What to do, and the status after it.
struct NodeOpDecision {
  std::vector<NodeOpAction> actions;  ///< In order, before the status is written.
  Object status;
  std::vector<EventNote> events;  ///< When the status is written.
  std::optional<std::chrono::seconds> look_again;
};

NodeOpDecision decide(const NodeOpState& state);

/// Whether a Job should have had a pod for a while, and has none.
bool lacks_pod(const Object& job, const NodeOpState& state);

/// What to do about nodes that are marked as cordoned by a NodeOp which is no more: they are given
/// back.
std::vector<NodeOpAction> release_orphans(const Objects& nodes, const Objects& node_ops);

}  // namespace orchestrator::kubernetes
