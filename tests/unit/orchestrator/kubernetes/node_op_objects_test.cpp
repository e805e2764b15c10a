// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_objects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/kubernetes/node_op_names.hpp"
#include "orchestrator/manifest/load.hpp"
#include "orchestrator/node/upgrade.hpp"

namespace orchestrator::kubernetes {
namespace {

using testing::MatchesRegex;
using testing::StartsWith;

const NodeOpSettings kSettings{.default_image = "busybox:latest",
                               .operator_image = "registry.example.com/operator:1",
                               .operator_pod = {}};

/// What the operator that we take over from recorded for a NodeOp of this kind, in the places that
/// matter: who the image is pulled as, what sees the node, and what it is called.
class NodeOpObjects : public testing::Test {
 protected:
  void read(const Object& spec, const std::string& name = "reboot-op") {
    object_ = {{"apiVersion", "operator.kairos.io/v1alpha1"},
               {"kind", "NodeOp"},
               {"metadata", {{"name", name}, {"namespace", "ns"}, {"uid", "1234"}}},
               {"spec", spec}};
    const auto read = manifest::load_manifest(object_.dump(), "test");
    ASSERT_TRUE(read.ok());
    op_ = read.documents.node_ops.at(0);
  }
  NodeOpSource source() { return {object_, op_, kSettings}; }

  Object object_;
  manifest::NodeOp op_;
};

TEST_F(NodeOpObjects, MakesTheJobOfTheOperator) {
  read({{"command", {"sh", "-c", "echo hi"}},
        {"image", "registry.example.com/x:1"},
        {"imagePullSecrets", Object::array({{{"name", "p1"}}})},
        {"backoffLimit", 1}});

  const auto job = node_job(source(), "fake1");

  EXPECT_EQ(job["apiVersion"], "batch/v1");
  EXPECT_THAT(job["metadata"]["name"].get<std::string>(),
              MatchesRegex("reboot-op-fake1-[0-9a-f]{5}"));
  EXPECT_EQ(job["metadata"]["namespace"], "ns");
  EXPECT_EQ(job["metadata"]["labels"],
            Object({{"kairos.io/node", "fake1"}, {"kairos.io/nodeop", "reboot-op"}}));
  EXPECT_EQ(job["metadata"]["ownerReferences"],
            Object::array({{{"apiVersion", "operator.kairos.io/v1alpha1"},
                            {"blockOwnerDeletion", true},
                            {"controller", true},
                            {"kind", "NodeOp"},
                            {"name", "reboot-op"},
                            {"uid", "1234"}}}));
  EXPECT_EQ(job["spec"]["backoffLimit"], 1);
  const auto& pod = job["spec"]["template"]["spec"];
  EXPECT_EQ(pod["imagePullSecrets"], Object::array({{{"name", "p1"}}}));
  EXPECT_EQ(pod["nodeName"], "fake1");
  EXPECT_EQ(pod["restartPolicy"], "Never");
  EXPECT_EQ(pod["volumes"],
            Object::array({{{"name", "host-root"}, {"hostPath", {{"path", "/"}}}}}));
  EXPECT_EQ(pod["containers"],
            Object::array({{{"name", "nodeop"},
                            {"image", "registry.example.com/x:1"},
                            {"command", {"sh", "-c", "echo hi"}},
                            {"env", Object::array({{{"name", "HOST_DIR"}, {"value", "/host"}}})},
                            {"securityContext", {{"privileged", true}}},
                            {"volumeMounts",
                             Object::array({{{"name", "host-root"}, {"mountPath", "/host"}}})}}}));
}

TEST_F(NodeOpObjects, HasTheOperatorsDefaults) {
  read({{"command", {"a"}}});

  const auto job = node_job(source(), "node1");

  EXPECT_EQ(job["spec"]["backoffLimit"], 6);
  EXPECT_EQ(job["spec"]["template"]["spec"]["containers"][0]["image"], "busybox:latest");
  EXPECT_FALSE(job["spec"]["template"]["spec"].contains("imagePullSecrets"));
}

TEST_F(NodeOpObjects, MakesThePreflightPodOfTheOperator) {
  read({{"command", {"a"}},
        {"image", "quay.io/kairos/stub:v9"},
        {"imagePullSecrets", Object::array({{{"name", "p1"}}})},
        {"hostMountPath", "/node"},
        {"preflight", {{"command", {"check"}}}}},
       "upg");

  const auto pod = preflight_pod(source(), "fake1");

  EXPECT_THAT(pod["metadata"]["name"].get<std::string>(), StartsWith("upg-preflight-"));
  EXPECT_EQ(pod["metadata"]["labels"], Object({{"kairos.io/node", "fake1"},
                                               {"kairos.io/nodeop", "upg"},
                                               {"kairos.io/preflight", "true"}}));
  const auto& spec = pod["spec"];
  EXPECT_EQ(spec["activeDeadlineSeconds"], 120);
  EXPECT_EQ(spec["restartPolicy"], "OnFailure");
  EXPECT_EQ(spec["imagePullSecrets"], Object::array({{{"name", "p1"}}}));
  const auto& container = spec["containers"][0];
  EXPECT_EQ(container["name"], "preflight");
  EXPECT_EQ(container["image"], "quay.io/kairos/stub:v9");
  EXPECT_FALSE(container.contains("securityContext"));
  EXPECT_EQ(container["volumeMounts"],
            Object::array({{{"name", "host-root"}, {"mountPath", "/node"}, {"readOnly", true}}}));
}

TEST_F(NodeOpObjects, MakesARebootPodThatNeedsNoApi) {
  read({{"command", {"a"}}, {"rebootOnSuccess", true}});

  const auto pod = reboot_pod(source(), "fake1", "boot-1");

  EXPECT_THAT(pod["metadata"]["name"].get<std::string>(), StartsWith("reboot-op-reboot-"));
  EXPECT_EQ(pod["metadata"]["labels"]["kairos.io/reboot"], "true");
  EXPECT_EQ(pod["metadata"]["annotations"][kBootIdAnnotation], "boot-1");
  EXPECT_EQ(pod["spec"]["hostPID"], true);
  EXPECT_EQ(pod["spec"]["automountServiceAccountToken"], false);
  EXPECT_EQ(pod["spec"]["restartPolicy"], "Never");
  const auto& container = pod["spec"]["containers"][0];
  EXPECT_EQ(container["image"], "registry.example.com/operator:1");
  EXPECT_EQ(container["securityContext"], Object({{"privileged", true}, {"runAsUser", 0}}));
  EXPECT_EQ(container["command"][0], "nsenter");
}

TEST_F(NodeOpObjects, KeepsNamesShortAndApart) {
  const std::string longest(253, 'n');
  read({{"command", {"a"}}}, longest);

  const auto first = node_job(source(), longest);
  const auto second = node_job(source(), longest.substr(1));

  EXPECT_LE(first["metadata"]["name"].get<std::string>().size(), 63U);
  EXPECT_NE(first["metadata"]["name"], second["metadata"]["name"]);
  EXPECT_LE(first["metadata"]["labels"][kNodeOpLabel].get<std::string>().size(), 63U);
  EXPECT_EQ(first["metadata"]["name"], node_job(source(), longest)["metadata"]["name"]);
  EXPECT_EQ(label_value("short"), "short");
}

TEST_F(NodeOpObjects, MakesTheNodeOpOfAnUpgrade) {
  const Object upgrade = {{"apiVersion", "operator.kairos.io/v1alpha1"},
                          {"kind", "NodeOpUpgrade"},
                          {"metadata", {{"name", "upg"}, {"namespace", "ns"}, {"uid", "u"}}},
                          {"spec",
                           {{"image", "quay.io/kairos/stub:v9"},
                            {"imagePullSecrets", Object::array({{{"name", "p1"}}})},
                            {"nodeSelector", {{"matchLabels", {{"fake", "true"}}}}}}}};
  const auto read = manifest::load_manifest(upgrade.dump(), "test");
  ASSERT_TRUE(read.ok());

  const auto made =
      node_op_object(upgrade, node::node_op_for(read.documents.node_op_upgrades.at(0)));

  EXPECT_EQ(made["metadata"]["name"], "upg");
  EXPECT_EQ(made["metadata"]["labels"],
            Object({{"app.kubernetes.io/managed-by", "nodeopupgrade-controller"},
                    {"nodeopupgrade.kairos.io/name", "upg"}}));
  EXPECT_EQ(made["metadata"]["ownerReferences"][0]["kind"], "NodeOpUpgrade");
  const auto& spec = made["spec"];
  EXPECT_EQ(spec["imagePullSecrets"], Object::array({{{"name", "p1"}}}));
  EXPECT_EQ(spec["nodeSelector"], Object({{"matchLabels", {{"fake", "true"}}}}));
  EXPECT_EQ(spec["cordon"], true);
  EXPECT_EQ(spec["rebootOnSuccess"], true);
  EXPECT_EQ(spec["drainOptions"], Object({{"enabled", true}}));
  EXPECT_EQ(spec["preflight"]["activeDeadlineSeconds"], 120);
  EXPECT_TRUE(manifest::load_manifest(made.dump(), "made").ok());
}

}  // namespace
}  // namespace orchestrator::kubernetes
