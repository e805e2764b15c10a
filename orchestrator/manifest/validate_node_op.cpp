// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "orchestrator/manifest/grammar.hpp"
#include "orchestrator/manifest/validate.hpp"

namespace orchestrator::manifest {
namespace {

void check_image(const Resource& op, const std::string& path, const std::string& image,
                 Report& report) {
  const auto problem = image.empty() ? std::nullopt : reference_problem(image);
  if (problem) {
    report.error(place_of(op, path), *problem, "write it like quay.io/kairos/debian:12");
  }
}

/// Kubernetes takes an empty command for "the image's own"; upstream does not say so.
void check_command(const Resource& op, const std::string& path, const Node* command,
                   Report& report) {
  if (command && command->is_sequence() && command->items.empty()) {
    report.warning(place_of(op, path), "is empty: the image's own command is run");
  }
}

void check_at_least(const Resource& op, const std::string& path, std::optional<int> value,
                    int least, Report& report) {
  if (value && *value < least) {
    report.error(place_of(op, path), fmt::format("must be at least {}", least));
  }
}

void check_host_mount_path(const NodeOp& op, Report& report) {
  const std::filesystem::path path = op.host_mount_path;
  const auto place = place_of(op, "spec.hostMountPath");
  for (const auto& name : path) {
    if (name == "..") return report.error(place, "must not contain ..");
  }
  if (!path.is_absolute()) return report.error(place, "must be an absolute path", "as /host");
  if (op.host_mount_path.find(':') != std::string::npos) {
    return report.error(place, "must not contain a colon");
  }
  const auto clean = path.lexically_normal();
  for (const auto* taken : {"/", "/proc", "/dev", "/sys"}) {
    const auto outside = clean.lexically_relative(taken);
    if (clean == taken ||
        (std::string_view(taken) != "/" && !outside.empty() && *outside.begin() != "..")) {
      return report.error(place, fmt::format("{} is the container's own", taken),
                          "use a folder like /host");
    }
  }
}

/// Source: Kubernetes, LabelSelectorRequirement.
void check_selector(const Resource& op, Report& report) {
  const auto* expressions = op.source->find_path({"spec", "nodeSelector", "matchExpressions"});
  for (std::size_t i = 0; expressions && i < expressions->items.size(); ++i) {
    const auto& expression = expressions->items[i];
    const auto path = fmt::format("spec.nodeSelector.matchExpressions[{}]", i);
    const auto wanted = expression.text_of("operator");
    const auto* values = expression.find("values");
    const bool has_values = values && !values->items.empty();
    const bool takes_values = wanted == "In" || wanted == "NotIn";
    if (!takes_values && wanted != "Exists" && wanted != "DoesNotExist") {
      if (const auto* found = expression.find("operator")) {
        report.error(place_of(*found, path + ".operator"), "not an operator of a selector",
                     "use In, NotIn, Exists or DoesNotExist");
      }
    } else if (takes_values != has_values) {
      report.error(place_of(expression, path), takes_values
                                                   ? fmt::format("{} needs values", wanted)
                                                   : fmt::format("{} takes no values", wanted));
    }
  }
}

void check_nodes(const Resource& op, const std::vector<std::string>& target_nodes, Report& report) {
  check_selector(op, report);
  const auto* nodes = op.source->find_path({"spec", "targetNodes"});
  for (std::size_t i = 0; nodes && i < target_nodes.size(); ++i) {
    if (is_dns_subdomain(target_nodes[i])) continue;
    report.error(place_of(nodes->items[i], fmt::format("spec.targetNodes[{}]", i)),
                 "not a name of a node");
  }
  if (nodes && nodes->is_sequence() && target_nodes.empty()) {
    report.warning(place_of(op, "spec.targetNodes"), "is empty: every node is meant");
  }
}

/// What is given and has no effect must not be silent.
void warn_of_no_effect(const NodeOp& op, Report& report) {
  if (op.cordon) return;
  constexpr std::array<std::string_view, 2> kNeedCordon = {"drainOptions", "uncordonOnFailure"};
  for (const auto field : kNeedCordon) {
    const bool used = field == "drainOptions" ? op.drain.enabled : op.uncordon_on_failure;
    if (!used) continue;
    report.warning(place_of(op, fmt::format("spec.{}", field)),
                   "has no effect, because spec.cordon is not true");
  }
}

void check_exclude_paths(const NodeOpUpgrade& upgrade, Report& report) {
  const auto* paths = upgrade.source->find_path({"spec", "excludePaths"});
  for (std::size_t i = 0; paths && i < paths->items.size(); ++i) {
    const auto& path = paths->items[i];
    if (!path.is_scalar() || path.scalar.starts_with('/')) continue;
    const auto place = place_of(path, fmt::format("spec.excludePaths[{}]", i));
    if (path.scalar.empty()) {
      report.error(place, "must not be empty");
    } else {
      report.warning(place, "is not an absolute path of the node");
    }
  }
}

}  // namespace

void validate_node_op(const NodeOp& op, Report& report) {
  check_image(op, "spec.image", op.image, report);
  check_command(op, "spec.command", op.source->find_path({"spec", "command"}), report);
  check_at_least(op, "spec.backoffLimit", op.backoff_limit, 0, report);
  check_at_least(op, "spec.concurrency", op.concurrency, 0, report);
  check_at_least(op, "spec.drainOptions.timeoutSeconds", op.drain.timeout_seconds, 0, report);
  if (op.preflight) {
    check_image(op, "spec.preflight.image", op.preflight->image, report);
    check_command(op, "spec.preflight.command",
                  op.source->find_path({"spec", "preflight", "command"}), report);
    check_at_least(op, "spec.preflight.activeDeadlineSeconds",
                   op.preflight->active_deadline_seconds, 1, report);
  }
  check_host_mount_path(op, report);
  check_nodes(op, op.target_nodes, report);
  warn_of_no_effect(op, report);
}

void validate_node_op_upgrade(const NodeOpUpgrade& upgrade, Report& report) {
  check_image(upgrade, "spec.image", upgrade.image, report);
  if (upgrade.image.empty() && upgrade.source->find_path({"spec", "image"})) {
    report.error(place_of(upgrade, "spec.image"), "must not be empty",
                 "name the image to upgrade to");
  }
  check_at_least(upgrade, "spec.concurrency", upgrade.concurrency, 0, report);
  check_nodes(upgrade, upgrade.target_nodes, report);
  check_exclude_paths(upgrade, report);
  if (!upgrade.upgrade_active && !upgrade.upgrade_recovery) {
    report.warning(place_of(upgrade, "spec.upgradeActive"),
                   "nothing is named to upgrade: the active system is, without a reboot",
                   "set upgradeActive or upgradeRecovery to true");
  }
}

}  // namespace orchestrator::manifest
