// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/node_op.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "tests/unit/orchestrator/manifest/manifest_text.hpp"

namespace orchestrator::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ManifestResult load_valid(const std::string& file) {
  const auto path = std::filesystem::path(OSARTIFACT_TEST_DATA) / "manifests/valid" / file;
  return load_manifest(base::read_file(path, 1U << 20), file);
}

std::string node_op(const std::string& spec, const std::string& kind = "NodeOp") {
  return "apiVersion: operator.kairos.io/v1alpha1\nkind: " + kind +
         "\nmetadata: {name: demo}\nspec: {" + spec + "}\n";
}

TEST(NodeOp, TypesEveryField) {
  const auto result = load_valid("node-op.yaml");

  ASSERT_TRUE(result.ok()) << rendered(result);
  const auto& op = result.documents.node_ops.at(0);
  EXPECT_EQ(op.name, "rotate-keys");
  EXPECT_EQ(op.namespace_, "fleet");
  EXPECT_THAT(op.command, ElementsAre("/usr/bin/rotate", "--root", "/node"));
  EXPECT_EQ(op.host_mount_path, "/node");
  EXPECT_EQ(op.image, "registry.example.com/tools/keys:1.2");
  EXPECT_THAT(op.image_pull_secrets, ElementsAre("login"));
  EXPECT_EQ(op.node_selector.at("matchLabels").at("disktype"), "ssd");
  EXPECT_EQ(op.node_selector.at("matchExpressions").at(0).at("values").at(1), "large");
  EXPECT_THAT(op.target_nodes, ElementsAre("node1", "node2.example.com"));
  EXPECT_TRUE(op.cordon && op.uncordon_on_failure && op.reboot_on_success && op.stop_on_failure);
  EXPECT_TRUE(op.drain.enabled && op.drain.ignore_daemon_sets);
  EXPECT_FALSE(op.drain.force || op.drain.delete_empty_dir_data);
  EXPECT_EQ(op.drain.grace_period_seconds, -1);
  EXPECT_EQ(op.drain.timeout_seconds, 300);
  EXPECT_EQ(op.backoff_limit, 0);
  EXPECT_EQ(op.concurrency, 1);
  ASSERT_TRUE(op.preflight);
  EXPECT_THAT(op.preflight->command, ElementsAre("/usr/bin/rotate", "--check"));
  EXPECT_EQ(op.preflight->image, "busybox");
  EXPECT_EQ(op.preflight->active_deadline_seconds, 30);
}

TEST(NodeOp, HasTheOperatorsDefaults) {
  const auto result = load_valid("node-op.yaml");

  const auto& op = result.documents.node_ops.at(1);
  EXPECT_EQ(op.name, "hello");
  EXPECT_EQ(op.namespace_, "default");
  EXPECT_EQ(op.host_mount_path, "/host");
  EXPECT_EQ(op.backoff_limit, 6);
  EXPECT_EQ(op.concurrency, 0);
  EXPECT_TRUE(op.node_selector.is_null());
  EXPECT_TRUE(op.drain.ignore_daemon_sets);
  EXPECT_FALSE(op.cordon || op.drain.enabled || op.reboot_on_success || op.preflight);
  EXPECT_THAT(messages(result, Severity::kWarning), IsEmpty());
}

TEST(NodeOpUpgrade, TypesEveryField) {
  const auto result = load_valid("node-op-upgrade.yaml");

  ASSERT_TRUE(result.ok()) << rendered(result);
  const auto& upgrade = result.documents.node_op_upgrades.at(0);
  EXPECT_EQ(upgrade.image, "registry.example.com/kairos/node:v9");
  EXPECT_THAT(upgrade.image_pull_secrets, ElementsAre("login"));
  EXPECT_EQ(upgrade.concurrency, 2);
  EXPECT_TRUE(upgrade.upgrade_active && upgrade.upgrade_recovery && upgrade.debug);
  EXPECT_TRUE(upgrade.stop_on_failure && upgrade.uncordon_on_failure);
  EXPECT_FALSE(upgrade.force);
  EXPECT_THAT(upgrade.exclude_paths, ElementsAre("/etc/machine-id", "/var/lib/it's here"));
  const auto& least = result.documents.node_op_upgrades.at(1);
  EXPECT_EQ(least.name, "least");
  EXPECT_TRUE(least.upgrade_active);
  EXPECT_FALSE(least.upgrade_recovery || least.force || least.debug);
}

struct Row {
  std::string text;
  std::string message;
  std::string path;
  std::string hint = "";
};

TEST(NodeOp, SaysWhatIsWrongAndWhere) {
  const std::string command = "command: [a]";
  const Row rows[] = {
      {node_op(""), "missing required field \"command\"", "spec"},
      {node_op("comand: [a]"), "unknown field \"comand\"", "spec", "did you mean \"command\"?"},
      {node_op("command: a"), "must be a list, not a string", "spec.command",
       "begin each entry with -"},
      {node_op(command + ", image: \"a b\""), "not an image", "spec.image"},
      {node_op(command + ", backoffLimit: -1"), "must be at least 0", "spec.backoffLimit"},
      {node_op(command + ", concurrency: -1"), "must be at least 0", "spec.concurrency"},
      {node_op(command + ", concurrency: two"), "must be an integer, not a string",
       "spec.concurrency"},
      {node_op(command + ", cordon: maybe"), "must be true or false, not a string", "spec.cordon"},
      {node_op(command + ", hostMountPath: host"), "must be an absolute path",
       "spec.hostMountPath"},
      {node_op(command + ", hostMountPath: /a/../dev"), "must not contain ..",
       "spec.hostMountPath"},
      {node_op(command + ", hostMountPath: /"), "/ is the container's own", "spec.hostMountPath"},
      {node_op(command + ", hostMountPath: /dev/x"), "/dev is the container's own",
       "spec.hostMountPath"},
      {node_op(command + ", drainOptions: {enable: true}"), "unknown field \"enable\"",
       "spec.drainOptions", "did you mean \"enabled\"?"},
      {node_op(command + ", drainOptions: {timeoutSeconds: -1}"), "must be at least 0",
       "spec.drainOptions.timeoutSeconds"},
      {node_op(command + ", preflight: {}"), "missing required field \"command\"",
       "spec.preflight"},
      {node_op(command + ", preflight: {command: [a], activeDeadlineSeconds: 0}"),
       "must be at least 1", "spec.preflight.activeDeadlineSeconds"},
      {node_op(command + ", nodeSelector: {matchExpressions: [{key: a, operator: Is}]}"),
       "not an operator of a selector", "spec.nodeSelector.matchExpressions[0].operator"},
      {node_op(command + ", nodeSelector: {matchExpressions: [{key: a, operator: In}]}"),
       "In needs values", "spec.nodeSelector.matchExpressions[0]"},
      {node_op(command +
               ", nodeSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}"),
       "Exists takes no values", "spec.nodeSelector.matchExpressions[0]"},
      {node_op(command + ", targetNodes: [Node_1]"), "not a name of a node", "spec.targetNodes[0]"},
      {node_op("upgradeActive: true", "NodeOpUpgrade"), "missing required field \"image\"", "spec"},
      {node_op("image: \"\"", "NodeOpUpgrade"), "must not be empty", "spec.image"},
      {node_op("image: a, excludePaths: [\"\"]", "NodeOpUpgrade"), "must not be empty",
       "spec.excludePaths[0]"},
      {node_op("image: a, command: [b]", "NodeOpUpgrade"), "unknown field \"command\"", "spec"},
  };
  for (const auto& row : rows) {
    const auto result = load_manifest(row.text, "demo.yaml");

    const auto found = std::find_if(
        result.diagnostics.begin(), result.diagnostics.end(),
        [&](const auto& one) { return one.message.find(row.message) != std::string::npos; });
    ASSERT_NE(found, result.diagnostics.end()) << row.text << rendered(result);
    EXPECT_EQ(found->severity, Severity::kError);
    EXPECT_EQ(found->path, row.path) << row.text;
    EXPECT_THAT(found->hint, HasSubstr(row.hint)) << row.text;
    EXPECT_THAT(rendered(result), Not(HasSubstr("hidden"))) << row.text;
    EXPECT_THAT(rendered(result), HasSubstr("demo.yaml:4:")) << row.text;
  }
}

TEST(NodeOp, WarnsOfWhatHasNoEffect) {
  const auto warnings = [](const std::string& text) {
    const auto result = load_manifest(text, "d");
    EXPECT_TRUE(result.ok()) << rendered(result);
    return messages(result, Severity::kWarning);
  };
  const std::string command = "command: [a]";

  EXPECT_THAT(warnings(node_op("command: []")), ElementsAre(HasSubstr("is empty")));
  EXPECT_THAT(warnings(node_op(command + ", drainOptions: {enabled: true}")),
              ElementsAre("has no effect, because spec.cordon is not true"));
  EXPECT_THAT(warnings(node_op(command + ", uncordonOnFailure: true")),
              ElementsAre("has no effect, because spec.cordon is not true"));
  EXPECT_THAT(warnings(node_op(command + ", drainOptions: {force: true}")), IsEmpty());
  EXPECT_THAT(warnings(node_op(command + ", targetNodes: []")), ElementsAre(HasSubstr("every")));
  EXPECT_THAT(warnings(node_op("image: a, upgradeActive: false", "NodeOpUpgrade")),
              ElementsAre(HasSubstr("the active system is, without a reboot")));
  EXPECT_THAT(warnings(node_op("image: a, excludePaths: [etc]", "NodeOpUpgrade")),
              ElementsAre("is not an absolute path of the node"));
}

TEST(NodeOp, TellsOfPullSecretsThatAreOfNoUse) {
  const auto op = node_op("command: [a], imagePullSecrets: [{name: login}]");
  const auto secret = [](const std::string& metadata, const std::string& key) {
    return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: login" + metadata +
           "}\nstringData: {" + key + ": \"{}\"}\n";
  };

  EXPECT_THAT(
      messages(load_manifest(op + secret("", ".dockerconfigjson"), "d"), Severity::kWarning),
      IsEmpty());
  EXPECT_THAT(messages(load_manifest(op + secret("", "other"), "d"), Severity::kWarning),
              ElementsAre(HasSubstr("has no key \".dockerconfigjson\"")));
  EXPECT_THAT(messages(load_manifest(op + secret(", namespace: far", ".dockercfg"), "d"),
                       Severity::kWarning),
              ElementsAre("secret \"login\" is in namespace \"far\", not in \"default\": it is not "
                          "used"));
}

TEST(NodeOp, KnowsItsVersionAndNeighbours) {
  EXPECT_THAT(messages(load_manifest("apiVersion: operator.kairos.io/v1\nkind: NodeOp\n", "d")),
              ElementsAre("NodeOp of \"operator.kairos.io/v1\" is not supported"));
  const auto typo =
      load_manifest("apiVersion: operator.kairos.io/v1alpha1\nkind: NodeOpUpgarde\n", "d");
  EXPECT_THAT(messages(typo), ElementsAre("unknown kind \"NodeOpUpgarde\""));
  EXPECT_EQ(typo.diagnostics.at(0).hint, "did you mean \"NodeOpUpgrade\"?");
  EXPECT_THAT(
      messages(load_manifest(node_op("command: [a]") + "---\n" + node_op("command: [b]"), "d")),
      ElementsAre("NodeOp \"demo\" is given twice in namespace \"default\""));
  EXPECT_TRUE(
      load_manifest(node_op("command: [a]") + "---\n" + node_op("image: a", "NodeOpUpgrade"), "d")
          .ok());
}

}  // namespace
}  // namespace orchestrator::manifest
