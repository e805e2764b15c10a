// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_reconcile.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "orchestrator/kubernetes/conditions.hpp"
#include "orchestrator/kubernetes/node_drain.hpp"
#include "orchestrator/kubernetes/node_op_names.hpp"
#include "orchestrator/kubernetes/node_op_status.hpp"
#include "orchestrator/kubernetes/node_selection.hpp"
#include "orchestrator/kubernetes/pod_state.hpp"
#include "orchestrator/manifest/load.hpp"

namespace orchestrator::kubernetes {
namespace {

using std::chrono::seconds;

constexpr seconds kDrainPause{5};       ///< Between two looks at what a drain waits for.
constexpr seconds kDrainPatience{600};  ///< Where timeoutSeconds does not say.
/// A node that is up and well so long after it was told to reboot does not.
constexpr seconds kRebootPatience{600};
constexpr seconds kPodPatience{5};  ///< A Job has a pod within moments, else none is taken.
constexpr std::size_t kNamesTold = 5;

std::string some_of(const std::vector<ObjectName>& names) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < names.size() && i < kNamesTold; ++i) texts.push_back(names[i].text());
  if (names.size() > kNamesTold) {
    texts.push_back(fmt::format("{} more", names.size() - kNamesTold));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

class Decider {
 public:
  Decider(const NodeOpState& state, const manifest::NodeOp& op)
      : state_(state),
        op_(op),
        source_{state.object, op, state.settings},
        now_(timestamp_of(state.now)) {
    if (const auto* status = find_at(state.object, "/status")) decision_.status = *status;
    if (!decision_.status.is_object()) decision_.status = Object::object();
    const auto* nodes = find_at(decision_.status, "/nodeStatuses");
    if (nodes == nullptr) return;
    for (const auto& [name, status] : nodes->items()) nodes_[name] = before_[name] = status;
  }

  NodeOpDecision decide() {
    const bool over = is_finished(state_.object);
    if (!over) {
      work();
      conclude();
    }
    for (const auto& node : state_.nodes) settle_cordon(*node);
    clean_up();
    write_nodes();
    return std::move(decision_);
  }

 private:
  using Kind = NodeOpAction::Kind;

  void work() {
    const auto targets = select_nodes(op_, state_.nodes);
    for (const auto& target : targets) targets_.insert(name_of(*target).name);
    // What runs first: a failure there decides about what has not begun.
    for (const bool has_job : {true, false}) {
      for (auto& [name, status] : nodes_) {
        if (status.contains("jobName") == has_job) advance(name, status);
      }
      if (op_.stop_on_failure && has_failed()) return withdraw();
    }
    if (!state_.missing_secrets.empty()) return;
    auto room = op_.concurrency == 0 ? nodes_.size() + targets.size()
                                     : static_cast<std::size_t>(op_.concurrency);
    const auto busy = static_cast<std::size_t>(
        std::count_if(nodes_.begin(), nodes_.end(), [](auto& n) { return is_busy(n.second); }));
    room -= std::min(room, busy);
    for (const auto& target : targets) {
      const auto name = name_of(*target).name;
      if (room == 0 || nodes_.contains(name)) continue;
      --room;
      start(*target, nodes_[name]);
    }
  }

  void start(const Object& node, Object& status) {
    status = {{"startedAt", now_}};
    if (op_.preflight) {
      set(status, "Preflight", "Preflight in progress", "not-requested");
      create(preflight_pod(source_, name_of(node).name));
    } else {
      make_ready(node, status);
    }
  }

  void advance(const std::string& name, Object& status) {
    if (is_over(status)) return;
    const auto node = find_node(name);
    if (!node) return fail(status, "Node not found");
    if (phase_of(status) == "Preflight") return advance_preflight(*node, status);
    if (text_at(status, "/jobName").empty()) return make_ready(*node, status);
    if (phase_of(status) == "Completed") return advance_reboot(*node, status);
    advance_job(*node, status);
  }

  void advance_preflight(const Object& node, Object& status) {
    const auto pod = pod_with(kPreflightLabel, name_of(node).name);
    if (!pod) return create(preflight_pod(source_, name_of(node).name));
    const auto phase = text_at(*pod, "/status/phase");
    if (phase == "Failed") {
      return fail(status, fmt::format("Preflight failed: {}", why_ended(*pod, "preflight")));
    }
    if (phase != "Succeeded") {
      const auto waits = note_wait(node, why_waiting(*pod));
      return set(status, "Preflight",
                 waits.empty() ? "Preflight in progress" : "Preflight waits: " + waits,
                 "not-requested");
    }
    const auto reason = termination_message(*pod, "preflight");
    if (reason.empty()) return make_ready(node, status);
    set(status, "Completed", fmt::format("Skipped by preflight: {}", reason), "not-requested");
  }

  /// Cordon, drain, Job: one after the other, each seen to be done.
  void make_ready(const Object& node, Object& status) {
    const auto name = name_of(node).name;
    const auto* reboot = op_.reboot_on_success ? "pending" : "not-requested";
    if (op_.cordon && !is_cordoned(node)) {
      patch_node(node,
                 {{"spec", {{"unschedulable", true}}},
                  {"metadata", {{"annotations", {{kCordonedBy, cordon_mark(state_.object)}}}}}});
      return set(status, "Pending", "Cordoning the node", reboot);
    }
    if (op_.cordon && op_.drain.enabled && !drained(name, status, reboot)) return;
    auto job = node_job(source_, name);
    status["jobName"] = name_of(job).name;
    create(std::move(job));
    set(status, "Pending", "Job created", reboot);
  }

  bool drained(const std::string& node, Object& status, const char* reboot) {
    const auto plan = plan_drain(state_.pods_on(node), op_.drain, state_.settings.operator_pod);
    if (!plan.daemons.empty()) {
      fail(status,
           fmt::format("Drain failed: DaemonSets run here and ignoreDaemonSets is false: {}",
                       some_of(plan.daemons)));
      return false;
    }
    if (plan.is_done()) return true;
    if (!status.contains("drainStartedAt")) status["drainStartedAt"] = now_;
    auto left = plan.leaving;
    std::string refusal;
    for (const auto& pod : plan.evict) {
      const auto name = name_of(pod);
      left.push_back(name);
      const auto refused = state_.refusals.find(name);
      if (refused != state_.refusals.end() && refusal.empty()) {
        refusal = fmt::format("; {} is not let go: {}", name.text(), refused->second);
      }
    }
    const auto patience = op_.drain.timeout_seconds.value_or(0) > 0
                              ? seconds(*op_.drain.timeout_seconds)
                              : kDrainPatience;
    const auto what = fmt::format("{} pods left: {}{}", left.size(), some_of(left), refusal);
    if (since(status, "/drainStartedAt") >= patience) {
      fail(status, fmt::format("Drain timed out after {} s, {}", patience.count(), what));
      return false;
    }
    for (const auto& pod : plan.evict) {
      decision_.actions.push_back({Kind::kEvict, name_of(pod), eviction_of(pod, op_.drain)});
    }
    set(status, "Pending", fmt::format("Draining the node, {}", what), reboot);
    look_again(kDrainPause);
    return false;
  }

  void advance_job(const Object& node, Object& status) {
    const auto name = text_at(status, "/jobName");
    const auto job = std::find_if(state_.jobs.begin(), state_.jobs.end(),
                                  [&](const auto& known) { return name_of(*known).name == name; });
    if (job == state_.jobs.end()) return fail(status, "Job not found");
    const auto pod = last_pod_of(**job);
    if (const auto failed = true_condition(**job, {"Failed", "FailureTarget"})) {
      auto why = text_at(*failed, "/reason");
      if (pod) why = fmt::format("{} ({})", why_ended(*pod, "nodeop"), why);
      return fail(status, fmt::format("Job failed: {}", why));
    }
    if (true_condition(**job, {"Complete", "SuccessCriteriaMet"})) {
      set(status, "Completed", "Job completed successfully",
          op_.reboot_on_success ? "pending" : "not-requested");
      if (op_.reboot_on_success) advance_reboot(node, status);
      return;
    }
    const auto waits = note_wait(node, pod ? why_waiting(*pod) : why_without_pod(name));
    std::string message = waits.empty() ? "Job is running" : "Job waits: " + waits;
    if (pod && text_at(*pod, "/status/phase") == "Failed") {
      message += fmt::format("; the last try failed: {}", why_ended(*pod, "nodeop"));
    }
    if (!is_ready(node)) message += "; the node is not ready";
    set(status, "Running", message, text_at(status, "/rebootStatus"));
  }

  /// The boot that the node is told to end is noted before it is told, and twice: in the status,
  /// and on the pod for a definition of the API that drops what it does not know.
  void advance_reboot(const Object& node, Object& status) {
    const auto name = name_of(node).name;
    const auto pod = pod_with(kRebootLabel, name);
    if (!status.contains("bootID")) {
      status["bootID"] = pod ? annotation(*pod, kBootIdAnnotation) : boot_id_of(node);
      status["rebootStartedAt"] = now_;
    }
    const auto before = text_at(status, "/bootID");
    if (boot_id_of(node) != before && is_ready(node)) {
      return set(status, "Completed", "Job and reboot completed successfully", "completed");
    }
    if (boot_id_of(node) != before || !is_ready(node)) {
      return set(status, "Completed", "Job completed; the node reboots and is not ready yet",
                 "pending");
    }
    if (!pod) create(reboot_pod(source_, name, before));
    const auto waited = since(status, "/rebootStartedAt");
    if (waited >= kRebootPatience) {
      const auto why = pod && text_at(*pod, "/status/phase") == "Failed"
                           ? why_ended(*pod, "reboot")
                           : fmt::format("it is up and ready, with the same boot ID");
      fail(status,
           fmt::format("The node did not reboot in {} s: {}", kRebootPatience.count(), why));
      status["rebootStatus"] = "failed";
      return;
    }
    look_again(kRebootPatience - waited);
    const auto waits = note_wait(node, pod ? why_waiting(*pod) : std::string());
    set(status, "Completed",
        waits.empty() ? "Job completed; the node is told to reboot" : "The reboot waits: " + waits,
        "pending");
  }

  /// stopOnFailure: what has not begun is not begun, and what was made ready is given back.
  void withdraw() {
    std::erase_if(nodes_, [](auto& entry) {
      const auto phase = phase_of(entry.second);
      return phase == "Preflight" ||
             (phase == "Pending" && text_at(entry.second, "/jobName").empty());
    });
    const auto left = std::count_if(targets_.begin(), targets_.end(),
                                    [&](const auto& name) { return !nodes_.contains(name); });
    if (left > 0) not_started_ = static_cast<std::size_t>(left);
  }

  void conclude() {
    auto& status = decision_.status;
    status["observedGeneration"] = generation_of(state_.object);
    const bool waits = !state_.missing_secrets.empty();
    const bool any_busy = std::any_of(nodes_.begin(), nodes_.end(),
                                      [](auto& entry) { return is_busy(entry.second); });
    const bool all_begun = std::all_of(targets_.begin(), targets_.end(),
                                       [&](const auto& name) { return nodes_.contains(name); });
    const bool over = !any_busy && (all_begun || not_started_ > 0);
    status["phase"] = has_failed()              ? "Failed"
                      : over                    ? "Completed"
                      : nodes_.empty() && waits ? "Pending"
                                                : "Running";
    finish(over);
    tell_of_nodes();
  }

  void finish(bool over) {
    std::size_t failed = 0;
    for (auto& [name, status] : nodes_) failed += phase_of(status) == "Failed" ? 1 : 0;
    std::string reason = "Running";
    std::string message;
    if (over && nodes_.empty() && targets_.empty()) {
      reason = "NoNodeMatches";
      message = "no node is what nodeSelector and targetNodes ask for: nothing was done";
    } else if (over && failed > 0) {
      reason = "NodesFailed";
      message = fmt::format("{} of {} nodes failed", failed, nodes_.size());
    } else if (over) {
      reason = "Completed";
      message = fmt::format("{} nodes are done", nodes_.size());
    } else if (!waits_.empty()) {
      const auto& [node, why] = *waits_.begin();
      reason = why.substr(0, why.find(':'));
      message = fmt::format("{}: {}", node, why);
      if (waits_.size() > 1) message += fmt::format("; {} more nodes wait", waits_.size() - 1);
    }
    if (not_started_ > 0) {
      message += fmt::format("; {} were not started (stopOnFailure)", not_started_);
    }
    if (over) message += kept_cordons();
    const bool waits = !state_.missing_secrets.empty();
    tell("Accepted", waits ? "False" : "True", waits ? "SecretNotFound" : "Valid",
         waits ? missing_text() : "");
    tell("Finished", over ? "True" : "False", reason, message);
    if (!over) return;
    const bool bad = failed > 0 || targets_.empty();
    decision_.events.push_back(
        {bad ? "Warning" : "Normal", failed > 0 ? "NodesFailed" : reason, "Finish", message});
  }

  /// A cordon that outlives the NodeOp's work must be known, and how to end it.
  std::string kept_cordons() const {
    std::vector<std::string> kept;
    for (const auto& node : state_.nodes) {
      const auto name = name_of(*node).name;
      if (annotation(*node, kCordonedBy) == cordon_mark(state_.object) && keeps_cordon(name)) {
        kept.push_back(name);
      }
    }
    if (kept.empty()) return "";
    return fmt::format("; still cordoned: {} (kubectl uncordon, or delete this NodeOp)",
                       fmt::join(kept, ", "));
  }

  std::string missing_text() const {
    return fmt::format("imagePullSecrets: there is no Secret {} in namespace {}; waiting for it",
                       fmt::join(state_.missing_secrets, ", "), name_of(state_.object).space);
  }

  void tell(const char* type, const char* status, const std::string& reason,
            const std::string& message) {
    set_condition(decision_.status,
                  {{"type", type},
                   {"status", status},
                   {"reason", reason},
                   {"message", message},
                   {"observedGeneration", generation_of(state_.object)}},
                  now_);
  }

  void tell_of_nodes() {
    for (auto& [name, status] : nodes_) {
      const auto known = before_.find(name);
      const auto phase = phase_of(status);
      if (known != before_.end() && phase_of(known->second) == phase) continue;
      const bool failed = phase == "Failed";
      if (failed || phase == "Completed") {
        decision_.events.push_back({failed ? "Warning" : "Normal",
                                    failed ? "NodeFailed" : "NodeCompleted", "Run",
                                    fmt::format("{}: {}", name, text_at(status, "/message"))});
      } else if (known == before_.end()) {
        decision_.events.push_back({"Normal", "NodeStarted", "Run", name});
      }
    }
  }

  /// Whether a node that we cordoned stays so.
  bool keeps_cordon(const std::string& name) const {
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) return false;
    if (!is_over(found->second)) return true;
    // A node whose drain failed was not touched.
    return phase_of(found->second) == "Failed" && !op_.uncordon_on_failure &&
           !text_at(found->second, "/jobName").empty();
  }

  void settle_cordon(const Object& node) {
    if (annotation(node, kCordonedBy) != cordon_mark(state_.object)) return;
    if (keeps_cordon(name_of(node).name)) return;
    patch_node(node, release_patch());
  }

  /// Pods whose work is done, by the status as it was stored: never before it is.
  void clean_up() {
    for (const auto& pod : state_.pods) {
      if (is_being_deleted(*pod)) continue;
      const auto node = text_at(*pod, "/spec/nodeName");
      const auto known = before_.find(node);
      const bool stored = known != before_.end();
      const bool preflight_over = stored && phase_of(known->second) != "Preflight";
      const bool withdrawn = !nodes_.contains(node);
      const bool reboot_over = stored && is_over(known->second);
      if ((is_labelled(*pod, kPreflightLabel) && (preflight_over || withdrawn)) ||
          (is_labelled(*pod, kRebootLabel) && reboot_over)) {
        decision_.actions.push_back({Kind::kDeletePod, name_of(*pod), Object()});
      }
    }
  }

  void write_nodes() {
    auto statuses = Object::object();
    for (auto& [name, status] : nodes_) {
      const auto known = before_.find(name);
      if (known == before_.end() || known->second != status) status["lastUpdated"] = now_;
      statuses[name] = status;
    }
    decision_.status["nodeStatuses"] = std::move(statuses);
    auto was = find_at(state_.object, "/status");
    if (was == nullptr || *was != decision_.status) decision_.status["lastUpdated"] = now_;
  }

  /// Looked at again, since no change of an object tells of it.
  std::string why_without_pod(const std::string& job) {
    look_again(kPodPatience);
    const auto refusal = state_.pod_refusals.find(job);
    if (refusal == state_.pod_refusals.end() || refusal->second.empty()) return "";
    return "PodRefused: " + refusal->second;
  }

  /// Kept for the condition: why it goes on, begins with a word for `reason`.
  std::string note_wait(const Object& node, std::string why) {
    if (!why.empty()) waits_[name_of(node).name] = why;
    return why;
  }

  void set(Object& status, const std::string& phase, const std::string& message,
           const std::string& reboot) {
    status["phase"] = phase;
    status["message"] = message;
    status["rebootStatus"] = reboot;
  }

  void fail(Object& status, const std::string& message) {
    set(status, "Failed", message, op_.reboot_on_success ? "cancelled" : "not-requested");
  }

  bool has_failed() const {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [](const auto& entry) { return phase_of(entry.second) == "Failed"; });
  }

  void create(Object object) {
    const auto name = name_of(object);
    decision_.actions.push_back({Kind::kCreate, name, std::move(object)});
  }

  void patch_node(const Object& node, Object patch) {
    patch["metadata"]["resourceVersion"] = version_of(node);
    decision_.actions.push_back({Kind::kPatchNode, name_of(node), std::move(patch)});
  }

  void look_again(seconds time) {
    decision_.look_again = std::min(decision_.look_again.value_or(time), time);
  }

  seconds since(const Object& status, std::string_view pointer) const {
    const auto begin = time_of(text_at(status, pointer));
    return begin ? std::chrono::duration_cast<seconds>(state_.now - *begin) : seconds(0);
  }

  std::shared_ptr<const Object> find_node(const std::string& name) const {
    const auto found = std::find_if(state_.nodes.begin(), state_.nodes.end(),
                                    [&](const auto& node) { return name_of(*node).name == name; });
    return found == state_.nodes.end() ? nullptr : *found;
  }

  std::shared_ptr<const Object> pod_with(const char* label, const std::string& node) const {
    const auto found = std::find_if(state_.pods.begin(), state_.pods.end(), [&](const auto& pod) {
      return is_labelled(*pod, label) && text_at(*pod, "/spec/nodeName") == node &&
             controller_uid(*pod) == uid_of(state_.object) && !is_being_deleted(*pod);
    });
    return found == state_.pods.end() ? nullptr : *found;
  }

  std::shared_ptr<const Object> last_pod_of(const Object& job) const {
    Objects pods;
    std::copy_if(state_.pods.begin(), state_.pods.end(), std::back_inserter(pods),
                 [&](const auto& pod) { return controller_uid(*pod) == uid_of(job); });
    return newest(pods);
  }

  const NodeOpState& state_;
  const manifest::NodeOp& op_;
  NodeOpSource source_;
  std::string now_;
  std::map<std::string, Object> before_;  ///< The nodes' statuses as they are stored.
  std::map<std::string, Object> nodes_;   ///< As they shall be.
  std::set<std::string> targets_;
  std::map<std::string, std::string> waits_;  ///< By node: "ErrImagePull: ...".
  std::size_t not_started_ = 0;               ///< By stopOnFailure.
  NodeOpDecision decision_;
};

/// A spec that cannot be carried out is told of once, and over.
NodeOpDecision refuse(const NodeOpState& state, const manifest::ManifestResult& read) {
  NodeOpDecision decision;
  const auto now = timestamp_of(state.now);
  if (const auto* status = find_at(state.object, "/status")) decision.status = *status;
  if (is_finished(state.object)) return decision;
  const auto message = manifest::summary(read.diagnostics);
  decision.status["phase"] = "Failed";
  decision.status["lastUpdated"] = now;
  decision.status["observedGeneration"] = generation_of(state.object);
  for (const auto* type : {"Accepted", "Finished"}) {
    set_condition(decision.status,
                  {{"type", type},
                   {"status", std::string_view(type) == "Accepted" ? "False" : "True"},
                   {"reason", "InvalidSpec"},
                   {"message", message},
                   {"observedGeneration", generation_of(state.object)}},
                  now);
  }
  decision.events.push_back({"Warning", "InvalidSpec", "Read", message});
  return decision;
}

}  // namespace

bool lacks_pod(const Object& job, const NodeOpState& state) {
  if (true_condition(job, {"Complete", "SuccessCriteriaMet", "Failed", "FailureTarget"})) {
    return false;
  }
  const auto made = time_of(text_at(job, "/metadata/creationTimestamp"));
  if (!made || state.now - *made < kPodPatience) return false;
  return std::none_of(state.pods.begin(), state.pods.end(),
                      [&](const auto& pod) { return controller_uid(*pod) == uid_of(job); });
}

NodeOpDecision decide(const NodeOpState& state) {
  const auto read = manifest::load_manifest(state.object.dump(), name_of(state.object).text());
  if (!read.ok() || read.documents.node_ops.empty()) return refuse(state, read);
  return Decider(state, read.documents.node_ops.front()).decide();
}

std::vector<NodeOpAction> release_orphans(const Objects& nodes, const Objects& node_ops) {
  std::set<std::string> marks;
  for (const auto& op : node_ops) marks.insert(cordon_mark(*op));
  std::vector<NodeOpAction> actions;
  for (const auto& node : nodes) {
    const auto mark = annotation(*node, kCordonedBy);
    if (mark.empty() || marks.contains(mark)) continue;
    auto patch = release_patch();
    patch["metadata"]["resourceVersion"] = version_of(*node);
    actions.push_back({NodeOpAction::Kind::kPatchNode, name_of(*node), std::move(patch)});
  }
  return actions;
}

}  // namespace orchestrator::kubernetes
