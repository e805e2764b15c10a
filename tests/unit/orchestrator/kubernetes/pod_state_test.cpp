// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/pod_state.hpp"

#include <gtest/gtest.h>

namespace kubernetes = orchestrator::kubernetes;
using kubernetes::Object;

TEST(PodState, SaysWhyAnImageIsNotPulled) {
  const auto pod = Object::parse(R"({"status": {"phase": "Pending", "containerStatuses": [
    {"name": "osartifact", "state": {"waiting": {"reason": "ImagePullBackOff",
     "message": "Back-off pulling image \"a.io/b\": 401 Unauthorized"}}}]}})");
  const auto state = kubernetes::pod_state(pod);
  EXPECT_EQ(state.reason, "ImagePullBackOff");
  EXPECT_EQ(state.message,
            "container osartifact waits: ImagePullBackOff: Back-off pulling image \"a.io/b\": 401 "
            "Unauthorized");
  EXPECT_TRUE(state.is_stuck);
}

TEST(PodState, TellsTheProgramsLastWords) {
  const auto pod = Object::parse(R"({"status": {"phase": "Failed", "containerStatuses": [
    {"name": "osartifact", "state": {"terminated": {"exitCode": 3, "reason": "Error",
     "message": "error: cannot pull a.io/b:c\n  because: 401\n"}}}]}})");
  EXPECT_EQ(
      kubernetes::pod_state(pod).message,
      "container osartifact ended with exit status 3: error: cannot pull a.io/b:c\n  because: "
      "401");
}

TEST(PodState, SaysWhatItWaitsFor) {
  const auto unscheduled = Object::parse(R"({"status": {"phase": "Pending", "conditions": [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
     "message": "0/1 nodes are available"}]}})");
  EXPECT_EQ(kubernetes::pod_state(unscheduled).reason, "Unschedulable");
  EXPECT_TRUE(kubernetes::pod_state(unscheduled).is_stuck);

  const auto importing = Object::parse(R"({"status": {"phase": "Pending", "initContainerStatuses": [
    {"name": "a", "state": {"terminated": {"exitCode": 0}}},
    {"name": "b", "state": {"running": {}}}],
    "containerStatuses": [{"name": "osartifact", "state": {"waiting":
      {"reason": "PodInitializing"}}}]}})");
  EXPECT_EQ(kubernetes::pod_state(importing).message, "importer b runs (2 of 2)");

  const auto running = Object::parse(
      R"({"spec": {"nodeName": "n1"}, "status": {"phase": "Running", "containerStatuses": [
    {"name": "osartifact", "state": {"running": {}}}]}})");
  EXPECT_EQ(kubernetes::pod_state(running).message, "building on node n1");
  EXPECT_FALSE(kubernetes::pod_state(running).is_stuck);
}

TEST(PodState, AMemoryLimitIsNamed) {
  const auto pod = Object::parse(R"({"status": {"phase": "Failed", "containerStatuses": [
    {"name": "osartifact", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}})");
  EXPECT_EQ(kubernetes::pod_state(pod).reason, "OOMKilled");
}

TEST(JobState, ComesOfTheConditionsThatAreTrue) {
  const auto job = [](const char* type, const char* status) {
    return Object{{"status",
                   {{"conditions",
                     {{{"type", type}, {"status", status}, {"reason", "R"}, {"message", "m"}}}}}}};
  };
  using kubernetes::JobState;
  EXPECT_EQ(kubernetes::job_state(job("Complete", "True")), JobState::kComplete);
  EXPECT_EQ(kubernetes::job_state(job("Failed", "True")), JobState::kFailed);
  EXPECT_EQ(kubernetes::job_state(job("Failed", "False")), JobState::kRunning);
  EXPECT_EQ(kubernetes::job_failure(job("Failed", "True")), "R: m");
}
