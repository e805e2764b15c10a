// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_drain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/kubernetes/node_op_names.hpp"

namespace orchestrator::kubernetes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Object pod(const std::string& name, const std::string& owner = "ReplicaSet",
           const Object& patch = {}) {
  Object made = {{"metadata", {{"name", name}, {"namespace", "ns"}, {"uid", "u-" + name}}}};
  if (!owner.empty()) {
    made["metadata"]["ownerReferences"] = Object::array({{{"kind", owner}, {"controller", true}}});
  }
  if (!patch.is_null()) made.merge_patch(patch);
  return made;
}

std::vector<std::string> names(const std::vector<ObjectName>& objects) {
  std::vector<std::string> found;
  for (const auto& object : objects) found.push_back(object.name);
  return found;
}

std::vector<std::string> evicted(const DrainPlan& plan) {
  std::vector<std::string> found;
  for (const auto& object : plan.evict) found.push_back(name_of(object).name);
  return found;
}

const Object kLocalData = {
    {"spec", {{"volumes", {{{"name", "a"}, {"emptyDir", Object::object()}}}}}}};
const Object kLeaving = {{"metadata", {{"deletionTimestamp", "2026-01-01T00:00:00Z"}}}};

TEST(NodeDrain, AsksWhatItMayToGo) {
  const auto plan = plan_drain({pod("web"), pod("leaving", "ReplicaSet", kLeaving)}, {}, {});

  EXPECT_THAT(evicted(plan), ElementsAre("web"));
  EXPECT_THAT(names(plan.leaving), ElementsAre("leaving"));
  EXPECT_FALSE(plan.is_done());
}

TEST(NodeDrain, NeverTouchesWhatIsOurs) {
  const auto plan = plan_drain(
      {pod("job-of-a-node-op", "Job", {{"metadata", {{"labels", {{kNodeOpLabel, "other"}}}}}}),
       pod("operator"),
       pod("static", "Node",
           {{"metadata", {{"annotations", {{"kubernetes.io/config.mirror", "x"}}}}}}),
       pod("done", "Job", {{"status", {{"phase", "Succeeded"}}}}),
       pod("broken", "Job", {{"status", {{"phase", "Failed"}}}})},
      {.force = true,
       .grace_period_seconds = {},
       .delete_empty_dir_data = true,
       .timeout_seconds = {}},
      {"ns", "operator"});

  EXPECT_TRUE(plan.is_done());
  EXPECT_THAT(plan.staying, IsEmpty());
}

TEST(NodeDrain, MindsTheOptions) {
  const std::vector<Object> pods = {pod("daemon", "DaemonSet"), pod("bare", ""),
                                    pod("cache", "ReplicaSet", kLocalData)};
  manifest::DrainOptions options;
  auto plan = plan_drain(pods, options, {});
  EXPECT_TRUE(plan.is_done());
  EXPECT_THAT(names(plan.staying), ElementsAre("bare", "cache"));
  EXPECT_THAT(plan.daemons, IsEmpty());

  options.force = true;
  options.delete_empty_dir_data = true;
  options.ignore_daemon_sets = false;
  plan = plan_drain(pods, options, {});
  EXPECT_THAT(evicted(plan), ElementsAre("bare", "cache"));
  EXPECT_THAT(names(plan.daemons), ElementsAre("daemon"));
}

TEST(NodeDrain, EvictsThatVeryPodWithTheGraceThatIsAskedFor) {
  manifest::DrainOptions options;
  EXPECT_FALSE(eviction_of(pod("web"), options)["deleteOptions"].contains("gracePeriodSeconds"));
  options.grace_period_seconds = -1;
  EXPECT_FALSE(eviction_of(pod("web"), options)["deleteOptions"].contains("gracePeriodSeconds"));
  options.grace_period_seconds = 0;

  const auto eviction = eviction_of(pod("web"), options);

  EXPECT_EQ(eviction["deleteOptions"]["gracePeriodSeconds"], 0);
  EXPECT_EQ(eviction["deleteOptions"]["preconditions"]["uid"], "u-web");
  EXPECT_EQ(eviction["metadata"], Object({{"name", "web"}, {"namespace", "ns"}}));
}

}  // namespace
}  // namespace orchestrator::kubernetes
