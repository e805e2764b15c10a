// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "orchestrator/kubernetes/client.hpp"

// What keeps a Job from running and stands in no status: the API server is asked.

namespace orchestrator::kubernetes {

/// Names in a list of references ([{"name": "a"}]); none when `references` is nullptr.
std::vector<std::string> names_in(const Object* references);

/// Those of `names` that are no Secret of the namespace. None where we may not ask: the kubelet is
/// left to say so.
std::vector<std::string> missing_secrets(Client& client, const std::string& space,
                                         const std::vector<std::string>& names);

/// Why the API server takes no pod of that Job: Pod Security, a quota, no account. Empty when it
/// would. Nothing is created; the Job controller tells it in Events alone.
std::string pod_refusal(Client& client, const Object& job);

}  // namespace orchestrator::kubernetes
