// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_drain.hpp"

#include <algorithm>

#include "orchestrator/kubernetes/node_op_names.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr const char* kMirrorAnnotation = "kubernetes.io/config.mirror";  // Of a static pod.

bool has(const Object& pod, const char* pointer, const char* key) {
  const auto* map = find_at(pod, pointer);
  return map != nullptr && map->contains(key);
}

/// The kind of the owner that controls the pod, or "".
std::string controller_kind(const Object& pod) {
  const auto* owners = find_at(pod, "/metadata/ownerReferences");
  if (owners == nullptr) return "";
  for (const auto& owner : *owners) {
    if (owner.value("controller", false)) return text_at(owner, "/kind");
  }
  return "";
}

bool has_local_data(const Object& pod) {
  const auto* volumes = find_at(pod, "/spec/volumes");
  return volumes != nullptr &&
         std::any_of(volumes->begin(), volumes->end(),
                     [](const Object& volume) { return volume.contains("emptyDir"); });
}

bool is_finished(const Object& pod) {
  const auto phase = text_at(pod, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

DrainPlan plan_drain(const std::vector<Object>& pods, const manifest::DrainOptions& options,
                     const ObjectName& operator_pod) {
  DrainPlan plan;
  for (const auto& pod : pods) {
    const auto name = name_of(pod);
    if (name == operator_pod || is_finished(pod) || has(pod, "/metadata/labels", kNodeOpLabel) ||
        has(pod, "/metadata/annotations", kMirrorAnnotation)) {
      continue;
    }
    const auto controller = controller_kind(pod);
    if (controller == "DaemonSet") {
      if (!options.ignore_daemon_sets) plan.daemons.push_back(name);
    } else if (is_being_deleted(pod)) {
      plan.leaving.push_back(name);
    } else if ((controller.empty() && !options.force) ||
               (has_local_data(pod) && !options.delete_empty_dir_data)) {
      plan.staying.push_back(name);
    } else {
      plan.evict.push_back(pod);
    }
  }
  return plan;
}

Object eviction_of(const Object& pod, const manifest::DrainOptions& options) {
  const auto name = name_of(pod);
  Object eviction = {{"apiVersion", "policy/v1"},
                     {"kind", "Eviction"},
                     {"metadata", {{"name", name.name}, {"namespace", name.space}}},
                     {"deleteOptions", {{"preconditions", {{"uid", uid_of(pod)}}}}}};
  if (options.grace_period_seconds.value_or(-1) >= 0) {
    eviction["deleteOptions"]["gracePeriodSeconds"] = *options.grace_period_seconds;
  }
  return eviction;
}

}  // namespace orchestrator::kubernetes
