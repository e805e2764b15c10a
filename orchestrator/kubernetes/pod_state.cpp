// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/pod_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace orchestrator::kubernetes {
namespace {

/// Reasons of a waiting container that pass by themselves.
bool is_start(std::string_view reason) {
  return reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing";
}

const Object& list_at(const Object& object, std::string_view pointer) {
  static const Object kNone = Object::array();
  const auto* list = find_at(object, pointer);
  return list != nullptr && list->is_array() ? *list : kNone;
}

std::string joined(const std::string& reason, const std::string& message) {
  return message.empty() || message == reason ? reason : fmt::format("{}: {}", reason, message);
}

/// What a container waits for, or how it failed; nullopt when there is nothing to tell.
std::optional<PodState> trouble_of(const Object& container) {
  const auto name = text_at(container, "/name");
  const auto reason = text_at(container, "/state/waiting/reason");
  if (!is_start(reason)) {
    return PodState{
        .reason = reason,
        .message = fmt::format("container {} waits: {}", name,
                               joined(reason, text_at(container, "/state/waiting/message"))),
        .is_stuck = true};
  }
  const auto* ended = find_at(container, "/state/terminated");
  if (ended == nullptr || ended->value("exitCode", 0) == 0) return std::nullopt;
  auto message = text_at(*ended, "/message");
  while (message.ends_with('\n')) message.pop_back();
  const auto how =
      fmt::format("container {} ended with exit status {}", name, ended->value("exitCode", 0));
  const auto why = text_at(*ended, "/reason");
  return PodState{.reason = why == "OOMKilled" ? why : "Failed",
                  .message = why == "OOMKilled" ? fmt::format("{}: out of memory", how)
                             : message.empty()  ? how
                                                : fmt::format("{}: {}", how, message),
                  .is_stuck = true};
}

/// The init container that runs, as "importer a runs (1 of 2)".
std::optional<std::string> running_importer(const Object& pod) {
  const auto& importers = list_at(pod, "/status/initContainerStatuses");
  for (std::size_t i = 0; i < importers.size(); ++i) {
    if (find_at(importers[i], "/state/running") == nullptr) continue;
    return fmt::format("importer {} runs ({} of {})", text_at(importers[i], "/name"), i + 1,
                       importers.size());
  }
  return std::nullopt;
}

}  // namespace

JobState job_state(const Object& job) {
  for (const auto& condition : list_at(job, "/status/conditions")) {
    if (text_at(condition, "/status") != "True") continue;
    const auto type = text_at(condition, "/type");
    if (type == "Complete") return JobState::kComplete;
    if (type == "Failed") return JobState::kFailed;
  }
  return JobState::kRunning;
}

std::string job_failure(const Object& job) {
  for (const auto& condition : list_at(job, "/status/conditions")) {
    if (text_at(condition, "/type") != "Failed") continue;
    return joined(text_at(condition, "/reason"), text_at(condition, "/message"));
  }
  return "";
}

PodState pod_state(const Object& pod) {
  for (const auto* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    for (const auto& container : list_at(pod, list)) {
      if (auto trouble = trouble_of(container)) return *trouble;
    }
  }
  const auto phase = text_at(pod, "/status/phase");
  if (phase == "Failed") {
    return {.reason = "Failed",
            .message = joined(text_at(pod, "/status/reason"), text_at(pod, "/status/message")),
            .is_stuck = true};
  }
  for (const auto& condition : list_at(pod, "/status/conditions")) {
    if (text_at(condition, "/type") != "PodScheduled") continue;
    if (text_at(condition, "/status") == "True") continue;
    return {.reason = text_at(condition, "/reason"),
            .message = text_at(condition, "/message"),
            .is_stuck = true};
  }
  if (auto importer = running_importer(pod)) return {.reason = "Importing", .message = *importer};
  const auto node = text_at(pod, "/spec/nodeName");
  if (phase == "Running") {
    return {.reason = "Running", .message = fmt::format("building on node {}", node)};
  }
  return {.reason = "Starting",
          .message = node.empty() ? std::string("the builder's pod waits for a node")
                                  : fmt::format("the builder's pod starts on node {}", node)};
}

std::shared_ptr<const Object> newest(const std::vector<std::shared_ptr<const Object>>& pods) {
  const auto last =
      std::max_element(pods.begin(), pods.end(), [](const auto& left, const auto& right) {
        return text_at(*left, "/metadata/creationTimestamp") <
               text_at(*right, "/metadata/creationTimestamp");
      });
  return last == pods.end() ? nullptr : *last;
}

}  // namespace orchestrator::kubernetes
