// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// Sets a condition (metav1.Condition: type, status, reason, message) of `status`; the time of the
/// transition stays while its status does.
void set_condition(Object& status, const Object& condition, const std::string& now);

/// metav1.Time, "2026-01-02T03:04:05Z", and back; nullopt for any other text.
std::string timestamp_of(std::chrono::system_clock::time_point time);
std::optional<std::chrono::system_clock::time_point> time_of(const std::string& timestamp);

}  // namespace orchestrator::kubernetes
