// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_upgrade_reconcile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orchestrator::kubernetes {
namespace {

using testing::HasSubstr;

const auto kNow = std::chrono::system_clock::from_time_t(1'800'000'000);

Object upgrade(const Object& spec = {{"image", "quay.io/kairos/node:v9"}}) {
  return {{"apiVersion", "operator.kairos.io/v1alpha1"},
          {"kind", "NodeOpUpgrade"},
          {"metadata", {{"name", "upg"}, {"namespace", "ns"}, {"uid", "u"}, {"generation", 1}}},
          {"spec", spec}};
}

std::shared_ptr<const Object> node_op(const Object& status, const std::string& owner = "u") {
  return std::make_shared<const Object>(Object{
      {"metadata",
       {{"name", "upg"},
        {"namespace", "ns"},
        {"ownerReferences",
         Object::array({{{"kind", "NodeOpUpgrade"}, {"uid", owner}, {"controller", true}}})}}},
      {"status", status}});
}

Object condition(const Object& status, const std::string& type) {
  for (const auto& known : status.at("conditions")) {
    if (known.at("type") == type) return known;
  }
  return {};
}

TEST(NodeOpUpgradeReconcile, MakesItsNodeOp) {
  const auto decision = decide_upgrade(upgrade(), nullptr, kNow);

  ASSERT_TRUE(decision.create);
  EXPECT_EQ(decision.create->at("metadata").at("name"), "upg");
  EXPECT_EQ(decision.status.at("phase"), "Initializing");
  EXPECT_EQ(decision.status.at("nodeOpName"), "upg");
  EXPECT_EQ(decision.status.at("message"), "NodeOp created");
}

TEST(NodeOpUpgradeReconcile, CopiesTheStatusInTheOperatorsWords) {
  struct Row {
    std::string phase;
    std::string message;
  };
  const Object nodes = {{"one", {{"phase", "Running"}}}};
  for (const auto& row : {Row{"Running", "Upgrade operation is running"},
                          Row{"Completed", "Upgrade operation completed successfully"},
                          Row{"Failed", "Upgrade operation failed"},
                          Row{"Pending", "Upgrade operation is pending"}}) {
    const Object accepted = {{"type", "Accepted"},
                             {"status", "True"},
                             {"reason", "Valid"},
                             {"message", ""},
                             {"lastTransitionTime", "2020-01-01T00:00:00Z"}};
    const auto decision = decide_upgrade(upgrade(),
                                         node_op({{"phase", row.phase},
                                                  {"nodeStatuses", nodes},
                                                  {"conditions", Object::array({accepted})}}),
                                         kNow);

    EXPECT_FALSE(decision.create);
    EXPECT_EQ(decision.status.at("phase"), row.phase);
    EXPECT_EQ(decision.status.at("message"), row.message);
    EXPECT_EQ(decision.status.at("nodeStatuses"), nodes);
    EXPECT_EQ(condition(decision.status, "Accepted").at("status"), "True");
  }
}

TEST(NodeOpUpgradeReconcile, LeavesTheNodeOpOfOthersAlone) {
  const auto decision = decide_upgrade(upgrade(), node_op({{"phase", "Completed"}}, "other"), kNow);

  EXPECT_FALSE(decision.create);
  EXPECT_EQ(decision.status.at("phase"), "Pending");
  EXPECT_EQ(condition(decision.status, "Accepted").at("reason"), "NameTaken");
}

TEST(NodeOpUpgradeReconcile, DoesNotUpgradeAgainWhenItsNodeOpIsDeleted) {
  auto over = upgrade();
  over["status"] = {{"phase", "Completed"},
                    {"conditions", Object::array({{{"type", "Finished"}, {"status", "True"}}})}};

  const auto decision = decide_upgrade(over, nullptr, kNow);

  EXPECT_FALSE(decision.create);
  EXPECT_EQ(decision.status, over.at("status"));
}

TEST(NodeOpUpgradeReconcile, SaysWhatIsWrongWithTheSpecOnce) {
  auto wrong = upgrade({{"image", "a b"}});

  const auto decision = decide_upgrade(wrong, nullptr, kNow);
  EXPECT_FALSE(decision.create);
  EXPECT_EQ(decision.status.at("phase"), "Failed");
  EXPECT_THAT(decision.status.at("message").get<std::string>(), HasSubstr("spec.image"));
  EXPECT_EQ(decision.events.size(), 1U);

  wrong["status"] = decision.status;
  const auto again = decide_upgrade(wrong, nullptr, kNow + std::chrono::seconds(9));
  EXPECT_EQ(again.status, decision.status);
  EXPECT_TRUE(again.events.empty());
}

}  // namespace
}  // namespace orchestrator::kubernetes
