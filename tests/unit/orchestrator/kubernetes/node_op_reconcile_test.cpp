// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_reconcile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/kubernetes/conditions.hpp"
#include "tests/unit/orchestrator/kubernetes/node_op_cluster.hpp"

namespace orchestrator::kubernetes {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

Object spec(const Object& more = Object::object()) {
  Object made = {{"command", {"do", "it"}}};
  made.update(more);
  return made;
}

Object draining(const Object& options = Object::object()) {
  Object drain = {{"enabled", true}};
  drain.update(options);
  return spec({{"cordon", true}, {"drainOptions", drain}});
}

TEST(NodeOpReconcile, RunsAJobOnEveryNode) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.add_node("two");

  cluster.settle();
  EXPECT_EQ(cluster.phase(), "Running");
  EXPECT_EQ(cluster.status("one").at("phase"), "Running");
  EXPECT_EQ(cluster.message("one"), "Job is running");
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "not-requested");
  EXPECT_EQ(cluster.condition("Finished").at("status"), "False");

  cluster.complete_job("one");
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("phase"), "Completed");
  EXPECT_EQ(cluster.message("one"), "Job completed successfully");
  EXPECT_EQ(cluster.phase(), "Running");

  cluster.complete_job("two");
  cluster.settle();
  EXPECT_EQ(cluster.phase(), "Completed");
  EXPECT_EQ(cluster.condition("Finished").at("reason"), "Completed");
  EXPECT_THAT(cluster.events, UnorderedElementsAre("NodeStarted", "NodeStarted", "NodeCompleted",
                                                   "NodeCompleted", "Completed"));
  EXPECT_FALSE(cluster.is_cordoned("one"));
}

TEST(NodeOpReconcile, EndsWhereNoNodeMatches) {
  NodeOpCluster cluster(spec({{"nodeSelector", {{"matchLabels", {{"a", "b"}}}}}}));
  cluster.add_node("one");

  cluster.settle();

  EXPECT_EQ(cluster.phase(), "Completed");
  EXPECT_EQ(cluster.condition("Finished").at("status"), "True");
  EXPECT_EQ(cluster.condition("Finished").at("reason"), "NoNodeMatches");
  EXPECT_THAT(cluster.events, ElementsAre("NoNodeMatches"));
}

TEST(NodeOpReconcile, LeavesNodesThatCameLaterAloneOnceItIsOver) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  cluster.complete_job("one");
  cluster.settle();

  cluster.add_node("two");
  cluster.settle();

  EXPECT_FALSE(cluster.has_job("two"));
  EXPECT_EQ(cluster.phase(), "Completed");
}

TEST(NodeOpReconcile, WorksOnSoManyNodesAtATimeMastersFirst) {
  NodeOpCluster cluster(spec({{"concurrency", 1}}));
  cluster.add_node("a");
  cluster.add_node("z", {{"node-role.kubernetes.io/control-plane", ""}});

  cluster.settle();
  EXPECT_TRUE(cluster.has_job("z"));
  EXPECT_FALSE(cluster.has_job("a"));

  cluster.complete_job("z");
  cluster.settle();
  EXPECT_TRUE(cluster.has_job("a"));
  EXPECT_EQ(cluster.phase(), "Running");
}

TEST(NodeOpReconcile, SaysWhyAJobFailed) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  cluster.fail_job("one");

  cluster.settle();

  EXPECT_EQ(cluster.phase(), "Failed");
  EXPECT_THAT(cluster.message("one"), HasSubstr("Job failed: BackoffLimitExceeded"));
  EXPECT_EQ(cluster.condition("Finished").at("reason"), "NodesFailed");
  EXPECT_THAT(cluster.events, Contains("NodeFailed"));
}

TEST(NodeOpReconcile, StopsAfterAFailureWhenToldTo) {
  for (const bool stop : {true, false}) {
    NodeOpCluster cluster(spec({{"concurrency", 1}, {"stopOnFailure", stop}}));
    cluster.add_node("a");
    cluster.add_node("b");
    cluster.settle();
    cluster.fail_job("a");

    cluster.settle();

    EXPECT_EQ(cluster.has_job("b"), !stop);
    EXPECT_EQ(cluster.phase(), "Failed");
    EXPECT_EQ(cluster.condition("Finished").at("status"), stop ? "True" : "False");
    if (!stop) continue;
    EXPECT_THAT(cluster.condition("Finished").at("message").get<std::string>(),
                HasSubstr("1 were not started"));
  }
}

TEST(NodeOpReconcile, TakesBackWhatHasNotBegunAfterAFailure) {
  NodeOpCluster cluster(draining());
  cluster.object()["spec"]["stopOnFailure"] = true;
  cluster.add_node("a");
  cluster.add_node("b");
  cluster.add_pod("stuck", "b");
  cluster.refusals[{"work", "stuck"}] = "its PodDisruptionBudget says no";
  for (int i = 0; i < 5; ++i) cluster.pass();
  ASSERT_TRUE(cluster.is_cordoned("b"));

  cluster.fail_job("a");
  cluster.settle();

  EXPECT_FALSE(cluster.is_cordoned("b"));
  EXPECT_FALSE(cluster.has_job("b"));
  EXPECT_TRUE(cluster.status("b").is_null());
  EXPECT_EQ(cluster.condition("Finished").at("status"), "True");
}

/// A pod, in this state, of the Job on node "one".
void add_pod_of_job(NodeOpCluster& cluster, const Object& status) {
  auto& job = cluster.job("one");
  cluster.add_pod(
      "op-pod", "one",
      {{"metadata",
        {{"labels", {{kNodeOpLabel, "op"}}},
         {"ownerReferences",
          Object::array(
              {{{"kind", "Job"}, {"controller", true}, {"uid", job["metadata"]["uid"]}}})}}},
       {"status", status}});
}

TEST(NodeOpReconcile, SaysWhatThePodWaitsFor) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  add_pod_of_job(
      cluster,
      {{"containerStatuses",
        Object::array(
            {{{"name", "nodeop"},
              {"state",
               {{"waiting", {{"reason", "ErrImagePull"}, {"message", "401 Unauthorized"}}}}}}})}});

  cluster.settle();

  EXPECT_EQ(cluster.message("one"), "Job waits: ErrImagePull: 401 Unauthorized");
  EXPECT_EQ(cluster.condition("Finished").at("reason"), "ErrImagePull");
  EXPECT_EQ(cluster.condition("Finished").at("message"), "one: ErrImagePull: 401 Unauthorized");
}

TEST(NodeOpReconcile, SaysHowTheLastTryFailed) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  add_pod_of_job(
      cluster,
      {{"phase", "Failed"},
       {"containerStatuses",
        Object::array({{{"name", "nodeop"},
                        {"state", {{"terminated", {{"exitCode", 7}, {"reason", "Error"}}}}}}})}});

  cluster.settle();

  EXPECT_EQ(cluster.message("one"), "Job is running; the last try failed: exit status 7");
}

TEST(NodeOpReconcile, SaysWhyAJobGetsNoPod) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  auto& job = cluster.job("one");
  job["metadata"]["creationTimestamp"] = timestamp_of(cluster.now);
  EXPECT_EQ(cluster.pass().look_again, std::chrono::seconds(5));

  cluster.pod_refusals[name_of(job).name] = "violates PodSecurity";
  cluster.settle();

  EXPECT_EQ(cluster.message("one"), "Job waits: PodRefused: violates PodSecurity");
  EXPECT_EQ(cluster.condition("Finished").at("reason"), "PodRefused");
}

TEST(NodeOpReconcile, AsksWhyOnlyForAJobThatIsLate) {
  const auto now = std::chrono::system_clock::from_time_t(1'800'000'000);
  const auto job = [&](int seconds, const Object& status) {
    return Object{{"metadata",
                   {{"name", "j"},
                    {"uid", "u"},
                    {"creationTimestamp", timestamp_of(now - std::chrono::seconds(seconds))}}},
                  {"status", status}};
  };
  NodeOpState state;
  state.now = now;
  const Object ended = {
      {"conditions", Object::array({{{"type", "Complete"}, {"status", "True"}}})}};

  EXPECT_TRUE(lacks_pod(job(5, Object::object()), state));
  EXPECT_FALSE(lacks_pod(job(4, Object::object()), state));
  EXPECT_FALSE(lacks_pod(job(60, ended), state));
  state.pods.push_back(std::make_shared<const Object>(Object{
      {"metadata", {{"ownerReferences", Object::array({{{"controller", true}, {"uid", "u"}}})}}}}));
  EXPECT_FALSE(lacks_pod(job(60, Object::object()), state));
}

TEST(NodeOpReconcile, WaitsForItsPullSecrets) {
  NodeOpCluster cluster(spec({{"cordon", true}}));
  cluster.add_node("one");
  cluster.missing_secrets = {"p1"};

  cluster.settle();
  EXPECT_EQ(cluster.phase(), "Pending");
  EXPECT_EQ(cluster.condition("Accepted").at("reason"), "SecretNotFound");
  EXPECT_THAT(cluster.condition("Accepted").at("message").get<std::string>(),
              HasSubstr("there is no Secret p1 in namespace ns"));
  EXPECT_FALSE(cluster.is_cordoned("one"));

  cluster.missing_secrets.clear();
  cluster.settle();
  EXPECT_TRUE(cluster.has_job("one"));
  EXPECT_EQ(cluster.condition("Accepted").at("status"), "True");
}

TEST(NodeOpReconcile, FailsWithWhatIsWrongWithTheSpec) {
  NodeOpCluster cluster(spec({{"hostMountPath", "host"}, {"backoffLimit", -1}}));
  cluster.add_node("one");

  cluster.settle();

  EXPECT_EQ(cluster.phase(), "Failed");
  EXPECT_EQ(cluster.condition("Accepted").at("reason"), "InvalidSpec");
  EXPECT_EQ(cluster.condition("Finished").at("status"), "True");
  EXPECT_THAT(cluster.condition("Accepted").at("message").get<std::string>(),
              testing::AllOf(HasSubstr("spec.hostMountPath: must be an absolute path"),
                             HasSubstr("spec.backoffLimit: must be at least 0")));
  EXPECT_THAT(cluster.events, ElementsAre("InvalidSpec"));
}

TEST(NodeOpReconcile, LeavesAloneWhatThePreflightSays) {
  NodeOpCluster cluster(spec({{"cordon", true}, {"preflight", {{"command", {"check"}}}}}));
  cluster.add_node("one");
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("phase"), "Preflight");
  EXPECT_EQ(cluster.message("one"), "Preflight in progress");
  EXPECT_FALSE(cluster.is_cordoned("one"));

  cluster.end_pod(kPreflightLabel, "one", "Succeeded", "already there\n");
  cluster.settle();

  EXPECT_EQ(cluster.status("one").at("phase"), "Completed");
  EXPECT_EQ(cluster.message("one"), "Skipped by preflight: already there");
  EXPECT_EQ(cluster.phase(), "Completed");
  EXPECT_FALSE(cluster.has_job("one"));
  EXPECT_EQ(cluster.pods_labelled(kPreflightLabel), 0U);
}

TEST(NodeOpReconcile, GoesOnAfterASilentPreflight) {
  NodeOpCluster cluster(spec({{"preflight", {{"command", {"check"}}}}}));
  cluster.add_node("one");
  cluster.settle();

  cluster.end_pod(kPreflightLabel, "one", "Succeeded");
  cluster.settle();

  EXPECT_TRUE(cluster.has_job("one"));
  EXPECT_EQ(cluster.pods_labelled(kPreflightLabel), 0U);
}

TEST(NodeOpReconcile, FailsWhereThePreflightDoes) {
  NodeOpCluster cluster(spec({{"preflight", {{"command", {"check"}}}}}));
  cluster.add_node("one");
  cluster.settle();

  cluster.end_pod(kPreflightLabel, "one", "Failed");
  cluster.settle();

  EXPECT_EQ(cluster.message("one"), "Preflight failed: exit status 7");
  EXPECT_EQ(cluster.phase(), "Failed");
}

TEST(NodeOpReconcile, CordonsMarksAndGivesBack) {
  NodeOpCluster cluster(spec({{"cordon", true}}));
  cluster.add_node("one");

  cluster.settle();
  EXPECT_TRUE(cluster.is_cordoned("one"));
  EXPECT_EQ(cluster.node("one")["metadata"]["annotations"][kCordonedBy], "ns/op@uid-op");

  cluster.complete_job("one");
  cluster.settle();
  EXPECT_FALSE(cluster.is_cordoned("one"));
  EXPECT_FALSE(cluster.node("one")["metadata"]["annotations"].contains(kCordonedBy));
}

TEST(NodeOpReconcile, LeavesTheCordonsOfOthers) {
  NodeOpCluster cluster(spec({{"cordon", true}}));
  cluster.add_node("one");
  cluster.node("one")["spec"]["unschedulable"] = true;

  cluster.settle();
  cluster.complete_job("one");
  cluster.settle();

  EXPECT_EQ(cluster.phase(), "Completed");
  EXPECT_TRUE(cluster.is_cordoned("one"));
}

TEST(NodeOpReconcile, KeepsAFailedNodeCordonedUnlessToldOtherwise) {
  for (const bool release : {true, false}) {
    NodeOpCluster cluster(spec({{"cordon", true}, {"uncordonOnFailure", release}}));
    cluster.add_node("one");
    cluster.settle();

    cluster.fail_job("one");
    cluster.settle();

    EXPECT_EQ(cluster.is_cordoned("one"), !release);
    const auto message = cluster.condition("Finished").at("message").get<std::string>();
    EXPECT_EQ(message.find("still cordoned: one") != std::string::npos, !release) << message;
  }
}

TEST(NodeOpReconcile, DrainsBeforeTheJob) {
  NodeOpCluster cluster(draining());
  cluster.add_node("one");
  cluster.add_pod("web", "one");
  cluster.add_pod("elsewhere", "two");

  cluster.settle();

  EXPECT_THAT(cluster.evicted, ElementsAre("web"));
  EXPECT_TRUE(cluster.has_job("one"));
  EXPECT_TRUE(cluster.has_pod("elsewhere"));
}

TEST(NodeOpReconcile, WaitsForWhatIsNotLetGoAndForHowLong) {
  NodeOpCluster cluster(draining({{"timeoutSeconds", 60}}));
  cluster.add_node("one");
  cluster.add_pod("web", "one");
  cluster.refusals[{"work", "web"}] = "its disruption budget needs it";
  cluster.pass();
  cluster.pass();

  EXPECT_THAT(cluster.message("one"),
              testing::AllOf(HasSubstr("Draining the node, 1 pods left: work/web"),
                             HasSubstr("work/web is not let go: its disruption budget needs it")));
  EXPECT_EQ(cluster.status("one").at("phase"), "Pending");
  EXPECT_EQ(cluster.pass().look_again, std::chrono::seconds(5));
  EXPECT_FALSE(cluster.has_job("one"));

  cluster.now += std::chrono::seconds(61);
  cluster.settle();
  EXPECT_THAT(cluster.message("one"), HasSubstr("Drain timed out after 60 s"));
  EXPECT_FALSE(cluster.is_cordoned("one"));  // Nothing was done to it.
  EXPECT_FALSE(cluster.has_job("one"));
}

TEST(NodeOpReconcile, WaitsForTheCordonToBeSeen) {
  NodeOpCluster cluster(draining());
  cluster.add_node("one");
  cluster.add_pod("web", "one");

  cluster.pass();

  EXPECT_EQ(cluster.message("one"), "Cordoning the node");
  EXPECT_THAT(cluster.evicted, IsEmpty());
  EXPECT_FALSE(cluster.has_job("one"));
}

TEST(NodeOpReconcile, RebootsAndWantsToSeeIt) {
  NodeOpCluster cluster(spec({{"cordon", true}, {"rebootOnSuccess", true}}));
  cluster.add_node("one");
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "pending");
  EXPECT_EQ(cluster.pods_labelled(kRebootLabel), 0U);

  cluster.complete_job("one");
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("phase"), "Completed");
  EXPECT_EQ(cluster.status("one").at("bootID"), "boot-1");
  EXPECT_EQ(cluster.pods_labelled(kRebootLabel), 1U);
  EXPECT_EQ(cluster.phase(), "Running");
  EXPECT_TRUE(cluster.is_cordoned("one"));

  cluster.end_pod(kRebootLabel, "one", "Succeeded");  // Says nothing about the node.
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "pending");

  cluster.reboot_node("one", false);
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "pending");
  EXPECT_THAT(cluster.message("one"), HasSubstr("not ready yet"));

  cluster.reboot_node("one");
  cluster.settle();
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "completed");
  EXPECT_EQ(cluster.message("one"), "Job and reboot completed successfully");
  EXPECT_EQ(cluster.phase(), "Completed");
  EXPECT_FALSE(cluster.is_cordoned("one"));
  EXPECT_EQ(cluster.pods_labelled(kRebootLabel), 0U);
}

TEST(NodeOpReconcile, RebootsOneNodeAfterTheOther) {
  NodeOpCluster cluster(spec({{"rebootOnSuccess", true}, {"concurrency", 1}}));
  cluster.add_node("a");
  cluster.add_node("b");
  cluster.settle();
  cluster.complete_job("a");
  cluster.settle();
  EXPECT_FALSE(cluster.has_job("b"));

  cluster.reboot_node("a");
  cluster.settle();

  EXPECT_TRUE(cluster.has_job("b"));
}

TEST(NodeOpReconcile, FailsWhereTheRebootDoesNotCome) {
  NodeOpCluster cluster(spec({{"rebootOnSuccess", true}}));
  cluster.add_node("one");
  cluster.settle();
  cluster.complete_job("one");
  cluster.settle();
  cluster.end_pod(kRebootLabel, "one", "Failed");

  cluster.now += std::chrono::seconds(601);
  cluster.settle();

  EXPECT_EQ(cluster.status("one").at("phase"), "Failed");
  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "failed");
  EXPECT_THAT(cluster.message("one"), HasSubstr("did not reboot in 600 s: exit status 7"));
}

TEST(NodeOpReconcile, ForgetsNoRebootWhenTheApiDropsWhatItDoesNotKnow) {
  NodeOpCluster cluster(spec({{"rebootOnSuccess", true}}));
  cluster.add_node("one");
  cluster.settle();
  cluster.complete_job("one");
  cluster.settle();
  cluster.reboot_node("one");
  cluster.object()["status"]["nodeStatuses"]["one"].erase("bootID");

  cluster.settle();

  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "completed");
}

TEST(NodeOpReconcile, DoesNotRebootAfterAFailure) {
  NodeOpCluster cluster(spec({{"rebootOnSuccess", true}}));
  cluster.add_node("one");
  cluster.settle();

  cluster.fail_job("one");
  cluster.settle();

  EXPECT_EQ(cluster.status("one").at("rebootStatus"), "cancelled");
  EXPECT_EQ(cluster.pods_labelled(kRebootLabel), 0U);
}

TEST(NodeOpReconcile, NoticesWhatIsGone) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.add_node("two");
  cluster.settle();

  cluster.remove_job("one");
  cluster.remove_node("two");
  cluster.settle();

  EXPECT_EQ(cluster.message("one"), "Job not found");
  EXPECT_EQ(cluster.message("two"), "Node not found");
}

TEST(NodeOpReconcile, MakesNothingTwiceWhenItsStatusWasLost) {
  NodeOpCluster cluster(draining());
  cluster.add_node("one");
  cluster.settle();
  const auto job = cluster.job("one")["metadata"]["name"];
  cluster.object().erase("status");  // It stopped after the request, before the status.

  cluster.settle();

  EXPECT_EQ(cluster.job("one")["metadata"]["name"], job);
  EXPECT_EQ(cluster.status("one").at("jobName"), job);
}

TEST(NodeOpReconcile, ChangesNoTimeWhereNothingChanges) {
  NodeOpCluster cluster(spec());
  cluster.add_node("one");
  cluster.settle();
  const auto before = cluster.object()["status"];

  cluster.now += std::chrono::seconds(100);
  cluster.pass();

  EXPECT_EQ(cluster.object()["status"], before);
}

TEST(NodeOpReconcile, ReleasesNodesOfNodeOpsThatAreNoMore) {
  NodeOpCluster cluster(spec({{"cordon", true}}));
  cluster.add_node("one");
  cluster.add_node("two");
  cluster.settle();
  cluster.node("two")["metadata"]["annotations"][kCordonedBy] = "ns/op@an-older-one";
  const auto share = [](const Object& object) { return std::make_shared<const Object>(object); };
  const Objects nodes = {share(cluster.node("one")), share(cluster.node("two"))};

  const auto actions = release_orphans(nodes, {share(cluster.object())});

  ASSERT_EQ(actions.size(), 1U);
  EXPECT_EQ(actions[0].name.name, "two");
  EXPECT_TRUE(actions[0].body["spec"]["unschedulable"].is_null());
}

}  // namespace
}  // namespace orchestrator::kubernetes
