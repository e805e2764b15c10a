// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_upgrade_reconcile.hpp"

#include <fmt/format.h>

#include "orchestrator/kubernetes/conditions.hpp"
#include "orchestrator/kubernetes/node_op_objects.hpp"
#include "orchestrator/kubernetes/node_op_status.hpp"
#include "orchestrator/manifest/load.hpp"
#include "orchestrator/node/upgrade.hpp"

namespace orchestrator::kubernetes {
namespace {

/// Source: kairos-operator v0.1.3.
const char* message_for(const std::string& phase) {
  if (phase == "Running") return "Upgrade operation is running";
  if (phase == "Completed") return "Upgrade operation completed successfully";
  if (phase == "Failed") return "Upgrade operation failed";
  return "Upgrade operation is pending";
}

void refuse(NodeOpUpgradeDecision& decision, const std::string& phase, const std::string& reason,
            const std::string& message, const Object& upgrade, const std::string& now) {
  const bool known = text_at(decision.status, "/message") == message;
  decision.status["phase"] = phase;
  decision.status["message"] = message;
  set_condition(decision.status,
                {{"type", "Accepted"},
                 {"status", "False"},
                 {"reason", reason},
                 {"message", message},
                 {"observedGeneration", generation_of(upgrade)}},
                now);
  if (!known) decision.events.push_back({"Warning", reason, "Create", message});
}

void make_node_op(NodeOpUpgradeDecision& decision, const Object& upgrade, const std::string& now) {
  const auto read = manifest::load_manifest(upgrade.dump(), name_of(upgrade).text());
  if (!read.ok() || read.documents.node_op_upgrades.empty()) {
    return refuse(decision, "Failed", "InvalidSpec", manifest::summary(read.diagnostics), upgrade,
                  now);
  }
  const auto op = node::node_op_for(read.documents.node_op_upgrades.front());
  decision.create = node_op_object(upgrade, op);
  decision.status["phase"] = "Initializing";
  decision.status["message"] = "NodeOp created";
  decision.status["nodeOpName"] = name_of(upgrade).name;
  decision.events.push_back({"Normal", "NodeOpCreated", "Create", name_of(upgrade).name});
}

/// The NodeOp's conditions are the upgrade's: why it waits, and how it ended.
void copy_status(Object& status, const Object& upgrade, const Object& node_op,
                 const std::string& now) {
  auto phase = text_at(node_op, "/status/phase");
  if (phase.empty()) phase = "Initializing";
  status["phase"] = phase;
  status["message"] = message_for(phase);
  status["nodeOpName"] = name_of(node_op).name;
  const auto* nodes = find_at(node_op, "/status/nodeStatuses");
  status["nodeStatuses"] = nodes == nullptr ? Object::object() : *nodes;
  const auto* conditions = find_at(node_op, "/status/conditions");
  if (conditions == nullptr) return;
  for (auto condition : *conditions) {
    condition["observedGeneration"] = generation_of(upgrade);
    set_condition(status, condition, now);
  }
}

}  // namespace

NodeOpUpgradeDecision decide_upgrade(const Object& upgrade,
                                     const std::shared_ptr<const Object>& node_op,
                                     std::chrono::system_clock::time_point now) {
  NodeOpUpgradeDecision decision;
  const auto* before = find_at(upgrade, "/status");
  decision.status = before == nullptr ? Object::object() : *before;
  if (is_finished(upgrade)) return decision;
  const auto time = timestamp_of(now);
  decision.status["observedGeneration"] = generation_of(upgrade);
  if (!node_op) {
    make_node_op(decision, upgrade, time);
  } else if (controller_uid(*node_op) != uid_of(upgrade)) {
    refuse(decision, "Pending", "NameTaken",
           fmt::format("there is another NodeOp {} here, which this upgrade did not make; waiting "
                       "until it is gone",
                       name_of(upgrade).name),
           upgrade, time);
  } else {
    copy_status(decision.status, upgrade, *node_op, time);
  }
  if (before == nullptr || *before != decision.status) decision.status["lastUpdated"] = time;
  return decision;
}

}  // namespace orchestrator::kubernetes
