// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/node/upgrade.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orchestrator::node {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

manifest::NodeOpUpgrade upgrade() {
  manifest::NodeOpUpgrade upgrade;
  upgrade.kind = "NodeOpUpgrade";
  upgrade.name = "to-v9";
  upgrade.namespace_ = "fleet";
  upgrade.image = "quay.io/kairos/node:v9";
  upgrade.image_pull_secrets = {"login"};
  return upgrade;
}

/// The words after the script, which is the third.
std::vector<std::string> arguments_of(const manifest::NodeOp& op) {
  return {op.command.begin() + 3, op.command.end()};
}

TEST(UpgradeNodeOp, IsWhatTheOperatorMakes) {
  const auto op = node_op_for(upgrade());

  EXPECT_EQ(op.name, "to-v9");
  EXPECT_EQ(op.namespace_, "fleet");
  EXPECT_EQ(op.image, "quay.io/kairos/node:v9");
  EXPECT_THAT(op.image_pull_secrets, ElementsAre("login"));
  EXPECT_TRUE(op.cordon && op.drain.enabled && op.drain.ignore_daemon_sets);
  EXPECT_TRUE(op.reboot_on_success);
  EXPECT_FALSE(op.stop_on_failure || op.uncordon_on_failure || op.drain.force);
  EXPECT_EQ(op.host_mount_path, "/host");
  ASSERT_TRUE(op.preflight);
  EXPECT_EQ(op.preflight->active_deadline_seconds, 120);
  EXPECT_THAT(arguments_of(op), ElementsAre("upgrade", "--exclude-path", "/etc/hostname",
                                            "--exclude-path", "/etc/hosts"));
}

TEST(UpgradeNodeOp, KeepsValuesOutOfTheScript) {
  auto wanted = upgrade();
  const std::string hostile = "/a'; reboot; echo '$(reboot)`reboot`";
  wanted.exclude_paths = {hostile};

  const auto op = node_op_for(wanted);

  EXPECT_THAT(op.command.at(2), Not(HasSubstr("; reboot")));
  EXPECT_EQ(arguments_of(op).back(), hostile);
}

TEST(UpgradeNodeOp, UpgradesWhatIsNamed) {
  struct Row {
    bool active;
    bool recovery;
    bool reboots;
    std::size_t calls;
  };
  for (const auto& row : {Row{true, false, true, 1}, Row{true, true, true, 2},
                          Row{false, true, false, 1}, Row{false, false, false, 1}}) {
    auto wanted = upgrade();
    wanted.upgrade_active = row.active;
    wanted.upgrade_recovery = row.recovery;

    const auto op = node_op_for(wanted);

    EXPECT_EQ(op.reboot_on_success, row.reboots);
    const auto& script = op.command.at(2);
    std::size_t calls = 0;
    for (auto at = script.find("kairos-agent"); at != std::string::npos;
         at = script.find("kairos-agent", at + 1)) {
      ++calls;
    }
    EXPECT_EQ(calls, row.calls);
    EXPECT_EQ(script.find("upgrade --recovery") != std::string::npos, row.recovery);
  }
}

TEST(UpgradeNodeOp, PassesTheRestOn) {
  auto wanted = upgrade();
  wanted.force = true;
  wanted.debug = true;
  wanted.concurrency = 2;
  wanted.stop_on_failure = true;
  wanted.uncordon_on_failure = true;
  wanted.target_nodes = {"one"};

  const auto op = node_op_for(wanted);

  EXPECT_FALSE(op.preflight);
  EXPECT_THAT(op.command.at(2), HasSubstr("kairos-agent --debug upgrade"));
  EXPECT_EQ(op.concurrency, 2);
  EXPECT_TRUE(op.stop_on_failure && op.uncordon_on_failure);
  EXPECT_THAT(op.target_nodes, ElementsAre("one"));
}

}  // namespace
}  // namespace orchestrator::node
