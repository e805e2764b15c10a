// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// Where a Job has got to.
enum class JobState { kRunning, kComplete, kFailed };
JobState job_state(const Object& job);
/// Of a failed Job: "BackoffLimitExceeded: Job has reached the specified backoff limit".
std::string job_failure(const Object& job);

/// What a pod does or why it does not, for a condition.
struct PodState {
  std::string reason;     ///< "ImagePullBackOff", "Unschedulable", "Running", "Failed".
  std::string message;    ///< In the words of whoever knows: kubelet, scheduler, the program.
  bool is_stuck = false;  ///< Somebody has to do something before it goes on.
};
PodState pod_state(const Object& pod);

/// The pod that was made last, or nullptr.
std::shared_ptr<const Object> newest(const std::vector<std::shared_ptr<const Object>>& pods);

}  // namespace orchestrator::kubernetes
