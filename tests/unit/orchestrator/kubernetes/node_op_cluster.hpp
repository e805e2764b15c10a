// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/kubernetes/node_op_names.hpp"
#include "orchestrator/kubernetes/node_op_reconcile.hpp"

namespace orchestrator::kubernetes {

/// A cluster in memory, with one NodeOp: carries out what is decided, as the controller and the API
/// server would, and plays the kubelets where a test says so.
class NodeOpCluster {
 public:
  explicit NodeOpCluster(const Object& spec, const std::string& name = "op")
      : object_({{"apiVersion", "operator.kairos.io/v1alpha1"},
                 {"kind", "NodeOp"},
                 {"metadata",
                  {{"name", name}, {"namespace", "ns"}, {"uid", "uid-" + name}, {"generation", 1}}},
                 {"spec", spec}}) {}

  void add_node(const std::string& name, const Object& labels = Object::object()) {
    nodes_[name] = {{"metadata", {{"name", name}, {"labels", labels}, {"resourceVersion", "1"}}},
                    {"spec", Object::object()},
                    {"status",
                     {{"nodeInfo", {{"bootID", "boot-1"}}},
                      {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  }

  /// One pass: decide, do, write the status.
  NodeOpDecision pass() {
    NodeOpState state{.object = object_,
                      .settings = settings,
                      .nodes = shared(nodes_),
                      .jobs = shared(jobs_),
                      .pods = {},
                      .missing_secrets = missing_secrets,
                      .pods_on = [this](const std::string& node) { return pods_on(node); },
                      .refusals = refusals,
                      .pod_refusals = pod_refusals,
                      .now = now};
    for (const auto& [pod_name, pod] : pods_) {
      if (pod["metadata"].value("labels", Object::object()).contains(kNodeOpLabel)) {
        state.pods.push_back(std::make_shared<const Object>(pod));
      }
    }
    auto decision = decide(state);
    for (const auto& action : decision.actions) carry_out(action);
    object_["status"] = decision.status;
    for (const auto& event : decision.events) events.push_back(event.reason);
    return decision;
  }
  /// Until nothing changes any more.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      const auto before = object_.value("status", Object());
      const auto decision = pass();
      if (decision.actions.empty() && before == object_["status"]) return;
    }
    throw std::runtime_error("it never settles");
  }

  /// The Job of a node ends.
  void end_job(const std::string& node, const char* condition, const Object& more = {}) {
    Object ended = {{"type", condition}, {"status", "True"}};
    if (!more.is_null()) ended.update(more);
    job(node)["status"]["conditions"] = Object::array({ended});
  }
  void complete_job(const std::string& node) { end_job(node, "Complete"); }
  void fail_job(const std::string& node) {
    end_job(node, "Failed", {{"reason", "BackoffLimitExceeded"}});
  }
  /// The pod of that label on a node ends.
  void end_pod(const char* label, const std::string& node, const char* phase,
               const std::string& message = "") {
    auto& ended = pod(label, node);
    ended["status"] = {{"phase", phase},
                       {"containerStatuses",
                        Object::array({{{"name", ended["spec"]["containers"][0]["name"]},
                                        {"state",
                                         {{"terminated",
                                           {{"exitCode", std::string(phase) == "Failed" ? 7 : 0},
                                            {"message", message}}}}}}})}};
  }
  void reboot_node(const std::string& node, bool ready = true) {
    nodes_.at(node)["status"] = {
        {"nodeInfo", {{"bootID", "boot-2"}}},
        {"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}};
  }
  /// Some workload's pod.
  void add_pod(const std::string& name, const std::string& node, const Object& patch = {}) {
    Object made = {
        {"metadata",
         {{"name", name},
          {"namespace", "work"},
          {"uid", "uid-" + name},
          {"ownerReferences", Object::array({{{"kind", "ReplicaSet"}, {"controller", true}}})}}},
        {"spec", {{"nodeName", node}}}};
    if (!patch.is_null()) made.merge_patch(patch);
    pods_[name] = made;
  }

  Object& job(const std::string& node) {
    for (auto& [name, made] : jobs_) {
      if (made["spec"]["template"]["spec"]["nodeName"] == node) return made;
    }
    throw std::runtime_error("no job on " + node);
  }
  bool has_job(const std::string& node) {
    return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
      return entry.second["spec"]["template"]["spec"]["nodeName"] == node;
    });
  }
  Object& pod(const char* label, const std::string& node) {
    for (auto& [name, made] : pods_) {
      if (made["spec"]["nodeName"] == node && made["metadata"].contains("labels") &&
          made["metadata"]["labels"].contains(label)) {
        return made;
      }
    }
    throw std::runtime_error("no such pod on " + node);
  }
  bool has_pod(const std::string& name) const { return pods_.contains(name); }
  std::size_t pods_labelled(const char* label) const {
    return static_cast<std::size_t>(
        std::count_if(pods_.begin(), pods_.end(), [&](const auto& entry) {
          return entry.second["metadata"].value("labels", Object::object()).contains(label);
        }));
  }
  void remove_job(const std::string& node) { jobs_.erase(name_of(job(node)).name); }
  void remove_node(const std::string& node) { nodes_.erase(node); }

  Object& object() { return object_; }
  Object& node(const std::string& name) { return nodes_.at(name); }
  Object status(const std::string& node) const {
    return object_.at("status").at("nodeStatuses").value(node, Object());
  }
  std::string phase() const { return object_.at("status").at("phase"); }
  std::string message(const std::string& node) const { return status(node).at("message"); }
  Object condition(const std::string& type) const {
    for (const auto& known : object_.at("status").at("conditions")) {
      if (known.at("type") == type) return known;
    }
    return {};
  }
  bool is_cordoned(const std::string& node) const {
    return nodes_.at(node).at("spec").value("unschedulable", false);
  }

  NodeOpSettings settings{.default_image = "busybox:latest",
                          .operator_image = "registry.example.com/operator:1",
                          .operator_pod = {"system", "operator"}};
  std::vector<std::string> missing_secrets;
  std::map<ObjectName, std::string> refusals;
  std::map<std::string, std::string> pod_refusals;
  std::chrono::system_clock::time_point now = std::chrono::system_clock::from_time_t(1'800'000'000);
  std::vector<std::string> events;
  std::vector<std::string> evicted;

 private:
  static Objects shared(const std::map<std::string, Object>& objects) {
    Objects all;
    for (const auto& [name, object] : objects) {
      all.push_back(std::make_shared<const Object>(object));
    }
    return all;
  }

  std::vector<Object> pods_on(const std::string& node) const {
    std::vector<Object> found;
    for (const auto& [name, pod] : pods_) {
      if (pod["spec"]["nodeName"] == node) found.push_back(pod);
    }
    return found;
  }

  void carry_out(const NodeOpAction& action) {
    switch (action.kind) {
      case NodeOpAction::Kind::kCreate: {
        auto& kind = action.body["kind"] == "Job" ? jobs_ : pods_;
        auto made = action.body;
        made["metadata"]["uid"] = "uid-" + action.name.name;
        kind.try_emplace(action.name.name, made);
        break;
      }
      case NodeOpAction::Kind::kDeletePod:
        pods_.erase(action.name.name);
        break;
      case NodeOpAction::Kind::kPatchNode:
        nodes_.at(action.name.name).merge_patch(action.body);
        break;
      case NodeOpAction::Kind::kEvict:
        if (refusals.contains(action.name)) break;
        evicted.push_back(action.name.name);
        pods_.erase(action.name.name);
        break;
    }
  }

  Object object_;
  std::map<std::string, Object> nodes_;
  std::map<std::string, Object> jobs_;
  std::map<std::string, Object> pods_;
};

}  // namespace orchestrator::kubernetes
