// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_controller.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "orchestrator/kubernetes/merge_patch.hpp"
#include "orchestrator/kubernetes/node_op_names.hpp"
#include "orchestrator/kubernetes/node_op_reconcile.hpp"
#include "orchestrator/kubernetes/node_op_status.hpp"
#include "orchestrator/kubernetes/node_selection.hpp"
#include "orchestrator/kubernetes/pod_obstacles.hpp"

namespace orchestrator::kubernetes {
namespace {

using Again = std::optional<std::chrono::milliseconds>;
using Refusals = std::map<ObjectName, std::string>;

constexpr std::chrono::seconds kLookForSecretAgain{10};
constexpr int kTooManyRequests = 429;  // An eviction that a PodDisruptionBudget does not allow.

/// NAMESPACE/NAME@UID taken apart.
ObjectName marked_by(const std::string& mark) {
  const auto slash = mark.find('/');
  if (slash == std::string::npos) return {};
  return {mark.substr(0, slash), mark.substr(slash + 1, mark.rfind('@') - slash - 1)};
}

/// Of a node, what a NodeOp looks at: kubelets write the rest every few minutes.
bool is_same_for_us(const Object& before, const Object& after) {
  for (const auto* pointer : {"/metadata/labels", "/spec/unschedulable"}) {
    const auto* old = find_at(before, pointer);
    const auto* now = find_at(after, pointer);
    if ((old == nullptr) != (now == nullptr) || (old != nullptr && *old != *now)) return false;
  }
  return annotation(before, kCordonedBy) == annotation(after, kCordonedBy) &&
         boot_id_of(before) == boot_id_of(after) && is_ready(before) == is_ready(after);
}

/// Whether the server will never take it, however often it is asked.
bool is_final(const ApiError& error) { return error.is_invalid() || error.status() == 403; }

class NodeOpController final : public Controller {
 public:
  explicit NodeOpController(ControllerContext& context);
  [[nodiscard]] std::string_view name() const override { return "nodeop"; }
  Again reconcile(const ObjectName& name) override;

 private:
  void add_owners(const Object& object);
  void node_changed(const Informer::Shared& before, const Informer::Shared& after);
  void release_nodes_of(const ObjectName& name);
  [[nodiscard]] NodeOpState state_of(const Object& node_op);
  void carry_out(const ObjectName& owner, NodeOpDecision& decision);
  void create(const NodeOpAction& action, NodeOpDecision& decision);
  void evict(const ObjectName& owner, const NodeOpAction& action);
  void write(const Object& node_op, const NodeOpDecision& decision);

  Informer& node_ops_;
  Informer& jobs_;
  Informer& pods_;
  Informer& nodes_;
  std::mutex mutex_;
  std::map<ObjectName, Refusals> refusals_;  ///< By NodeOp: only what a message says, no state.
};

NodeOpController::NodeOpController(ControllerContext& context)
    : Controller(context),
      node_ops_(add_informer(kNodeOps, {.selection = everything()})),
      jobs_(add_informer(kJobs, {.selection = everything(kNodeOpLabel)})),
      pods_(add_informer(kPods, {.selection = everything(kNodeOpLabel)})),
      nodes_(add_informer(kNodes, {.selection = {},
                                   .trim = [](Object& node) { node["status"].erase("images"); }})) {
  node_ops_.add_handler([this](const Informer::Shared& before, const Informer::Shared& after) {
    queue().add(name_of(after ? *after : *before));
  });
  for (auto* informer : {&jobs_, &pods_}) {
    informer->add_handler([this](const Informer::Shared& before, const Informer::Shared& after) {
      add_owners(after ? *after : *before);
    });
  }
  nodes_.add_handler([this](const Informer::Shared& before, const Informer::Shared& after) {
    node_changed(before, after);
  });
}

/// A label's value may be a shortened name.
void NodeOpController::add_owners(const Object& object) {
  const auto* labels = find_at(object, "/metadata/labels");
  const auto label = labels == nullptr ? "" : labels->value(kNodeOpLabel, "");
  for (const auto& op : node_ops_.all()) {
    const auto name = name_of(*op);
    if (name.space == name_of(object).space && label_value(name.name) == label) queue().add(name);
  }
}

void NodeOpController::node_changed(const Informer::Shared& before, const Informer::Shared& after) {
  if (before && after && is_same_for_us(*before, *after)) return;
  for (const auto& op : node_ops_.all()) {
    if (!is_finished(*op)) queue().add(name_of(*op));
  }
  if (!after) return;
  const auto owner = marked_by(annotation(*after, kCordonedBy));
  if (!owner.name.empty()) queue().add(owner);
}

Again NodeOpController::reconcile(const ObjectName& name) {
  const auto node_op = node_ops_.find(name);
  if (!node_op) {
    {
      const std::scoped_lock lock(mutex_);
      refusals_.erase(name);
    }
    release_nodes_of(name);
    return std::nullopt;
  }
  if (is_being_deleted(*node_op)) return std::nullopt;
  const auto state = state_of(*node_op);
  auto decision = decide(state);
  carry_out(name, decision);
  write(*node_op, decision);
  if (!state.missing_secrets.empty() && !is_finished(*node_op)) return kLookForSecretAgain;
  if (decision.look_again) return *decision.look_again;
  return std::nullopt;
}

/// The cache may not have it yet: what is done here cannot be taken back, so the server is asked.
void NodeOpController::release_nodes_of(const ObjectName& name) {
  Objects marked;
  for (const auto& node : nodes_.all()) {
    if (marked_by(annotation(*node, kCordonedBy)) == name) marked.push_back(node);
  }
  if (marked.empty()) return;
  Objects living;
  if (auto found = context().client.find(kNodeOps, name)) {
    living.push_back(std::make_shared<const Object>(std::move(*found)));
  }
  for (const auto& action : release_orphans(marked, living)) {
    context().log->info("node {} is given back: the NodeOp {} that cordoned it is no more",
                        action.name.name, name.text());
    context().client.merge(kNodes, action.name, action.body);
  }
}

NodeOpState NodeOpController::state_of(const Object& node_op) {
  const auto name = name_of(node_op);
  NodeOpState state{
      .object = node_op,
      .settings = context().node_ops,
      .nodes = nodes_.all(),
      .jobs = {},
      .pods = {},
      .missing_secrets = {},
      .pods_on =
          [this](const std::string& node) {
            return context().client.list(kPods, {.field_selector = "spec.nodeName=" + node}).items;
          },
      .refusals = {},
      .pod_refusals = {},
      .now = std::chrono::system_clock::now()};
  state.object["apiVersion"] = kNodeOps.api_version();
  state.object["kind"] = kNodeOps.kind;
  for (const auto& job : jobs_.all()) {
    if (controller_uid(*job) == uid_of(node_op)) state.jobs.push_back(job);
  }
  for (const auto& pod : pods_.all()) {
    if (name_of(*pod).space == name.space) state.pods.push_back(pod);
  }
  // A Job that the cache lacks may be younger than the cache.
  static const Object kNone = Object::object();
  const auto* nodes = find_at(node_op, "/status/nodeStatuses");
  for (const auto& [node, status] : (nodes == nullptr ? kNone : *nodes).items()) {
    const auto job = text_at(status, "/jobName");
    if (job.empty() || is_over(status) || jobs_.find({name.space, job})) continue;
    if (auto found = context().client.find(kJobs, {name.space, job})) {
      state.jobs.push_back(std::make_shared<const Object>(std::move(*found)));
    }
  }
  if (!is_finished(node_op)) {
    state.missing_secrets = missing_secrets(context().client, name.space,
                                            names_in(find_at(node_op, "/spec/imagePullSecrets")));
    for (const auto& job : state.jobs) {
      if (!lacks_pod(*job, state)) continue;
      state.pod_refusals[name_of(*job).name] = pod_refusal(context().client, *job);
    }
  }
  const std::scoped_lock lock(mutex_);
  if (const auto known = refusals_.find(name); known != refusals_.end()) {
    state.refusals = known->second;
  }
  return state;
}

void NodeOpController::carry_out(const ObjectName& owner, NodeOpDecision& decision) {
  for (const auto& action : decision.actions) {
    switch (action.kind) {
      case NodeOpAction::Kind::kCreate:
        create(action, decision);
        break;
      case NodeOpAction::Kind::kDeletePod:
        context().client.remove(kPods, action.name, {});
        break;
      case NodeOpAction::Kind::kPatchNode:
        context().client.merge(kNodes, action.name, action.body);
        break;
      case NodeOpAction::Kind::kEvict:
        evict(owner, action);
        break;
    }
  }
}

/// What the server does not take is told of where it is looked for: in the status of the node.
void NodeOpController::create(const NodeOpAction& action, NodeOpDecision& decision) {
  const bool is_job = text_at(action.body, "/kind") == kJobs.kind;
  try {
    context().client.create(is_job ? kJobs : kPods, action.body);
  } catch (const ApiError& error) {
    if (error.already_exists()) return;
    if (!is_final(error)) throw;
    const auto* of_job = find_at(action.body, "/spec/template/spec/nodeName");
    const auto node =
        of_job != nullptr ? of_job->get<std::string>() : text_at(action.body, "/spec/nodeName");
    auto& status = decision.status["nodeStatuses"][node];
    status["phase"] = "Failed";
    status["message"] = "The API server refuses it: " + error.facts().why;
    if (status.value("rebootStatus", "") == "pending") status["rebootStatus"] = "cancelled";
  }
}

void NodeOpController::evict(const ObjectName& owner, const NodeOpAction& action) {
  std::string refusal;
  try {
    context().client.create_at(kPods, action.name, "eviction", action.body);
  } catch (const ApiError& error) {
    if (error.is_not_found() || error.is_conflict()) return;
    if (error.status() != kTooManyRequests) throw;
    refusal = error.facts().why;
  }
  const std::scoped_lock lock(mutex_);
  if (refusal.empty()) {
    refusals_[owner].erase(action.name);
  } else {
    refusals_[owner][action.name] = refusal;
  }
}

void NodeOpController::write(const Object& node_op, const NodeOpDecision& decision) {
  const auto* before = find_at(node_op, "/status");
  const auto patch =
      merge_patch_between(before == nullptr ? Object::object() : *before, decision.status);
  if (patch.empty()) return;
  context().client.merge_status(
      kNodeOps, name_of(node_op),
      {{"metadata", {{"resourceVersion", version_of(node_op)}}}, {"status", patch}});
  auto regarding = node_op;
  regarding["apiVersion"] = kNodeOps.api_version();
  regarding["kind"] = kNodeOps.kind;
  for (const auto& event : decision.events) context().events.record(regarding, event);
}

}  // namespace

std::unique_ptr<Controller> make_node_op_controller(ControllerContext& context) {
  return std::make_unique<NodeOpController>(context);
}

}  // namespace orchestrator::kubernetes
