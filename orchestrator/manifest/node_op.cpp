// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/node_op.hpp"

#include <limits>
#include <utility>

#include "orchestrator/manifest/decode.hpp"

namespace orchestrator::manifest {
namespace {

std::optional<int> number(const Node& node, std::string_view key) {
  const auto value = as_integer(child(node, key));
  using Limits = std::numeric_limits<int>;
  if (!value || *value < Limits::min() || *value > Limits::max()) return std::nullopt;
  return static_cast<int>(*value);
}

Preflight preflight(const Node& node) {
  return {.command = list_of_texts(node, "command"),
          .image = node.text_of("image"),
          .active_deadline_seconds =
              number(node, "activeDeadlineSeconds").value_or(Preflight().active_deadline_seconds)};
}

DrainOptions drain_options(const Node& node) {
  return {.enabled = flag(node, "enabled"),
          .force = flag(node, "force"),
          .grace_period_seconds = number(node, "gracePeriodSeconds"),
          .ignore_daemon_sets = flag(node, "ignoreDaemonSets", true),
          .delete_empty_dir_data = flag(node, "deleteEmptyDirData"),
          .timeout_seconds = number(node, "timeoutSeconds")};
}

}  // namespace

NodeOp decode_node_op(Node document) {
  NodeOp op;
  op.kind = "NodeOp";
  take_document(std::move(document), op);
  const auto& spec = child(*op.source, "spec");
  op.command = list_of_texts(spec, "command");
  if (auto path = spec.text_of("hostMountPath"); !path.empty()) op.host_mount_path = path;
  op.image = spec.text_of("image");
  op.image_pull_secrets = list_of_names(spec, "imagePullSecrets");
  op.node_selector = object_json(spec, "nodeSelector", "LabelSelector");
  op.target_nodes = list_of_texts(spec, "targetNodes");
  op.cordon = flag(spec, "cordon");
  op.uncordon_on_failure = flag(spec, "uncordonOnFailure");
  op.drain = drain_options(child(spec, "drainOptions"));
  op.reboot_on_success = flag(spec, "rebootOnSuccess");
  op.backoff_limit = number(spec, "backoffLimit").value_or(op.backoff_limit);
  op.concurrency = number(spec, "concurrency").value_or(0);
  op.stop_on_failure = flag(spec, "stopOnFailure");
  op.preflight = optional_of(spec, "preflight", preflight);
  return op;
}

NodeOpUpgrade decode_node_op_upgrade(Node document) {
  NodeOpUpgrade upgrade;
  upgrade.kind = "NodeOpUpgrade";
  take_document(std::move(document), upgrade);
  const auto& spec = child(*upgrade.source, "spec");
  upgrade.image = spec.text_of("image");
  upgrade.image_pull_secrets = list_of_names(spec, "imagePullSecrets");
  upgrade.node_selector = object_json(spec, "nodeSelector", "LabelSelector");
  upgrade.target_nodes = list_of_texts(spec, "targetNodes");
  upgrade.concurrency = number(spec, "concurrency").value_or(0);
  upgrade.stop_on_failure = flag(spec, "stopOnFailure");
  upgrade.uncordon_on_failure = flag(spec, "uncordonOnFailure");
  upgrade.upgrade_active = flag(spec, "upgradeActive", true);
  upgrade.upgrade_recovery = flag(spec, "upgradeRecovery");
  upgrade.force = flag(spec, "force");
  upgrade.debug = flag(spec, "debug");
  upgrade.exclude_paths = list_of_texts(spec, "excludePaths");
  return upgrade;
}

}  // namespace orchestrator::manifest
