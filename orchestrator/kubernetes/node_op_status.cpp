// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "orchestrator/kubernetes/node_op_names.hpp"

namespace orchestrator::kubernetes {
namespace {

std::string value_in(const Object& object, std::string_view map, const std::string& key) {
  const auto* values = find_at(object, map);
  if (values == nullptr || !values->is_object()) return "";
  const auto found = values->find(key);
  return found == values->end() || !found->is_string() ? "" : found->get<std::string>();
}

/// The states of the containers, init containers first.
std::vector<Object> container_statuses(const Object& pod) {
  std::vector<Object> all;
  for (const auto* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    if (const auto* statuses = find_at(pod, list)) {
      all.insert(all.end(), statuses->begin(), statuses->end());
    }
  }
  return all;
}

std::optional<Object> terminated(const Object& pod, const std::string& container) {
  for (const auto& status : container_statuses(pod)) {
    const auto* state = find_at(status, "/state/terminated");
    if (state != nullptr && text_at(status, "/name") == container) return *state;
  }
  return std::nullopt;
}

}  // namespace

std::string annotation(const Object& object, const std::string& key) {
  return value_in(object, "/metadata/annotations", key);
}

bool is_labelled(const Object& object, const std::string& key) {
  return !value_in(object, "/metadata/labels", key).empty();
}

std::int64_t generation_of(const Object& object) {
  const auto* generation = find_at(object, "/metadata/generation");
  return generation != nullptr && generation->is_number_integer() ? generation->get<std::int64_t>()
                                                                  : 0;
}

bool is_cordoned(const Object& node) {
  const auto* value = find_at(node, "/spec/unschedulable");
  return value != nullptr && *value == true;
}

Object release_patch() {
  return {{"spec", {{"unschedulable", nullptr}}},
          {"metadata", {{"annotations", {{kCordonedBy, nullptr}}}}}};
}

std::string phase_of(const Object& node_status) { return text_at(node_status, "/phase"); }

bool is_over(const Object& node_status) {
  const auto phase = phase_of(node_status);
  return phase == "Failed" ||
         (phase == "Completed" && text_at(node_status, "/rebootStatus") != "pending");
}

bool is_finished(const Object& node_op) {
  const auto* status = find_at(node_op, "/status");
  return status != nullptr && true_condition({{"status", *status}}, {"Finished"}).has_value();
}

std::optional<Object> true_condition(const Object& object,
                                     std::initializer_list<const char*> types) {
  const auto* conditions = find_at(object, "/status/conditions");
  if (conditions == nullptr) return std::nullopt;
  for (const auto& condition : *conditions) {
    const auto type = text_at(condition, "/type");
    const bool wanted = std::find(types.begin(), types.end(), type) != types.end();
    if (wanted && text_at(condition, "/status") == "True") return condition;
  }
  return std::nullopt;
}

std::string why_waiting(const Object& pod) {
  for (const auto& status : container_statuses(pod)) {
    const auto reason = text_at(status, "/state/waiting/reason");
    if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") continue;
    const auto message = text_at(status, "/state/waiting/message");
    return message.empty() ? reason : fmt::format("{}: {}", reason, message);
  }
  return "";
}

std::string why_ended(const Object& pod, const std::string& container) {
  if (const auto state = terminated(pod, container)) {
    const auto reason = text_at(*state, "/reason");
    if (reason.empty() || reason == "Error") {
      return fmt::format("exit status {}", state->value("exitCode", 0));
    }
    return reason;
  }
  const auto reason = text_at(pod, "/status/reason");
  return reason.empty() ? "its container did not say how it ended" : reason;
}

std::string termination_message(const Object& pod, const std::string& container) {
  const auto state = terminated(pod, container);
  auto text = state ? text_at(*state, "/message") : "";
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.pop_back();
  }
  return text;
}

}  // namespace orchestrator::kubernetes
