// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/conditions.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <time.h>

#include <utility>

namespace orchestrator::kubernetes {

void set_condition(Object& status, const Object& condition, const std::string& now) {
  auto& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Object::array();
  auto entry = condition;
  entry["lastTransitionTime"] = now;
  for (auto& known : conditions) {
    if (known.at("type") != condition.at("type")) continue;
    if (known.at("status") == condition.at("status")) {
      entry["lastTransitionTime"] = known.at("lastTransitionTime");
    }
    known = std::move(entry);
    return;
  }
  conditions.push_back(std::move(entry));
}

std::string timestamp_of(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

std::optional<std::chrono::system_clock::time_point> time_of(const std::string& timestamp) {
  struct tm parts {};
  const auto* end = ::strptime(timestamp.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace orchestrator::kubernetes
