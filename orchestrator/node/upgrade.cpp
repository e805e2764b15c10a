// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/node/upgrade.hpp"

#include <fmt/format.h>

namespace orchestrator::node {
namespace {

/// The container's own are not the node's, and must not become them.
constexpr const char* kAlwaysExcluded[] = {"/etc/hostname", "/etc/hosts"};

/// Prints why the node is to be left alone. The files are read, never run. Two unknown versions are
/// not the same version.
constexpr const char* kPreflight = R"sh(set -e
value() {
  sed -n "s/^$2=//p" "$1" | tail -n 1 | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"
}
version() {
  for file in "$@"; do
    [ -f "$file" ] || continue
    number=$(value "$file" KAIROS_VERSION)
    [ -n "$number" ] || continue
    prefix=$(value "$file" KAIROS_SOFTWARE_VERSION_PREFIX)
    echo "$number-$prefix$(value "$file" KAIROS_SOFTWARE_VERSION)"
    return
  done
}
image=$(version /etc/kairos-release /etc/os-release)
node=$(version "$HOST_DIR/etc/kairos-release" "$HOST_DIR/etc/os-release")
echo "the node is at ${node:-an unknown version}, the image has ${image:-an unknown one}"
if [ -n "$image" ] && [ "$image" = "$node" ]; then
  echo "node is already at $image" > /dev/termination-log
fi
)sh";

constexpr const char* kMounts = R"(set -e
mount --rbind "$HOST_DIR/dev" /dev
mount --rbind "$HOST_DIR/run" /run
)";

std::vector<std::string> upgrade_command(const manifest::NodeOpUpgrade& upgrade) {
  const std::string agent = upgrade.debug ? "kairos-agent --debug" : "kairos-agent";
  std::string script = kMounts;
  if (upgrade.upgrade_recovery) {
    script += fmt::format("{} upgrade --recovery --source dir:/ \"$@\"\n", agent);
  }
  if (upgrade.upgrade_active || !upgrade.upgrade_recovery) {
    script += fmt::format("{} upgrade --source dir:/ \"$@\"\n", agent);
  }
  std::vector<std::string> command = {"/bin/sh", "-c", std::move(script), "upgrade"};
  const auto exclude = [&](const std::string& path) {
    command.emplace_back("--exclude-path");
    command.push_back(path);
  };
  for (const auto* path : kAlwaysExcluded) exclude(path);
  for (const auto& path : upgrade.exclude_paths) exclude(path);
  return command;
}

}  // namespace

manifest::NodeOp node_op_for(const manifest::NodeOpUpgrade& upgrade) {
  manifest::NodeOp op;
  static_cast<manifest::Resource&>(op) = upgrade;
  op.command = upgrade_command(upgrade);
  op.image = upgrade.image;
  op.image_pull_secrets = upgrade.image_pull_secrets;
  op.node_selector = upgrade.node_selector;
  op.target_nodes = upgrade.target_nodes;
  op.cordon = true;
  op.uncordon_on_failure = upgrade.uncordon_on_failure;
  op.drain.enabled = true;
  op.reboot_on_success = upgrade.upgrade_active;
  op.concurrency = upgrade.concurrency;
  op.stop_on_failure = upgrade.stop_on_failure;
  if (!upgrade.force) op.preflight.emplace().command = {"/bin/sh", "-c", kPreflight};
  return op;
}

}  // namespace orchestrator::node
