// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "orchestrator/kubernetes/resource.hpp"

// Reading what the API says of nodes, Jobs and pods.

namespace orchestrator::kubernetes {

/// A label or annotation map's value, or "".
std::string annotation(const Object& object, const std::string& key);
bool is_labelled(const Object& object, const std::string& key);

/// metadata.generation: how often the spec has changed.
std::int64_t generation_of(const Object& object);

bool is_cordoned(const Object& node);
/// What makes a node schedulable again, and ours no more.
Object release_patch();

/// Of one node's entry in a NodeOp's status.
std::string phase_of(const Object& node_status);
/// Nothing more will happen there.
bool is_over(const Object& node_status);
/// Counts against `concurrency`.
inline bool is_busy(const Object& node_status) { return !is_over(node_status); }

/// Whether the condition Finished of a NodeOp is true.
bool is_finished(const Object& node_op);

/// The first condition of one of these types that is true.
std::optional<Object> true_condition(const Object& object,
                                     std::initializer_list<const char*> types);

/// Why a pod does not run yet, in the kubelet's words ("ErrImagePull: ..."), or "". An image that
/// is not to be had stands in the state of the container, not reliably in an Event.
std::string why_waiting(const Object& pod);
/// How a pod's container ended: "exit status 4", "OOMKilled", "DeadlineExceeded".
std::string why_ended(const Object& pod, const std::string& container);
/// What a container wrote to its termination log, without white space at its end.
std::string termination_message(const Object& pod, const std::string& container);

}  // namespace orchestrator::kubernetes
