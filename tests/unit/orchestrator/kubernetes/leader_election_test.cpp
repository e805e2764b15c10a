// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/leader_election.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/null_sink.h>

#include <thread>

#include "tests/support/fake_api_server.hpp"

namespace kubernetes = orchestrator::kubernetes;
using namespace std::chrono_literals;
using kubernetes::LeaderElection;
using kubernetes::Object;
using tests::FakeApiServer;

namespace {

/// Keeps one Lease as an API server would, with its version checked.
class Election : public testing::Test {
 protected:
  FakeApiServer::Answer answer(const FakeApiServer::Request& request) {
    const std::scoped_lock lock(mutex_);
    if (broken_) return {.status = 500, .body = "{}"};
    if (request.method == "GET") {
      if (lease_.is_null()) return {.status = 404, .body = R"({"reason":"NotFound"})"};
      return {.body = lease_.dump()};
    }
    if (request.method == "POST" && !lease_.is_null()) {
      return {.status = 409, .body = R"({"reason":"AlreadyExists"})"};
    }
    auto sent = Object::parse(request.body);
    if (request.method == "PUT" && kubernetes::version_of(sent) != kubernetes::version_of(lease_)) {
      return {.status = 409, .body = R"({"reason":"Conflict"})"};
    }
    sent["metadata"]["resourceVersion"] = std::to_string(++version_);
    lease_ = sent;
    return {.body = lease_.dump()};
  }
  LeaderElection::Options options(const std::string& identity) {
    return {.lease = {"n", "l"},
            .identity = identity,
            .duration = 1000ms,
            .renew_deadline = 300ms,
            .retry_period = 20ms};
  }
  kubernetes::ClusterConfig config() {
    kubernetes::ClusterConfig config;
    config.server = *base::Url::parse(server_.url());
    return config;
  }
  std::string holder() {
    const std::scoped_lock lock(mutex_);
    return kubernetes::text_at(lease_, "/spec/holderIdentity");
  }
  void take_over(const std::string& identity) {
    const std::scoped_lock lock(mutex_);
    lease_["spec"]["holderIdentity"] = identity;
    lease_["metadata"]["resourceVersion"] = std::to_string(++version_);
  }

  std::mutex mutex_;
  Object lease_;
  int version_ = 0;
  bool broken_ = false;
  std::shared_ptr<spdlog::logger> log_ =
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
  FakeApiServer server_{[this](const auto& request) { return answer(request); }};
};

}  // namespace

TEST_F(Election, TwoTakeTurnsAndTheLeaseIsGivenBack) {
  kubernetes::Client client(config());
  std::atomic<int> leaders = 0;
  std::atomic<int> turns = 0;
  const auto lead = [&](const std::stop_token& stop) {
    EXPECT_EQ(++leaders, 1) << "both lead";
    ++turns;
    std::this_thread::sleep_for(150ms);
    --leaders;
    static_cast<void>(stop);
  };
  {
    const std::jthread first([&] { LeaderElection(client, options("a"), log_).run(lead, {}); });
    const std::jthread second([&] { LeaderElection(client, options("b"), log_).run(lead, {}); });
  }
  EXPECT_EQ(turns, 2);
  EXPECT_EQ(holder(), "");
  EXPECT_EQ(lease_["spec"]["leaseTransitions"], 2);
}

TEST_F(Election, WhoCannotRenewStopsAndSaysSo) {
  kubernetes::Client client(config());
  LeaderElection election(client, options("a"), log_);
  bool stopped = false;
  EXPECT_THROW(election.run(
                   [&](const std::stop_token& stop) {
                     {
                       const std::scoped_lock lock(mutex_);
                       broken_ = true;
                     }
                     while (!stop.stop_requested()) std::this_thread::sleep_for(5ms);
                     stopped = true;
                   },
                   {}),
               base::Error);
  EXPECT_TRUE(stopped);
}

TEST_F(Election, WhoLosesTheLeaseToAnotherStopsAtOnce) {
  kubernetes::Client client(config());
  LeaderElection election(client, options("a"), log_);
  EXPECT_THROW(election.run(
                   [&](const std::stop_token& stop) {
                     take_over("b");
                     while (!stop.stop_requested()) std::this_thread::sleep_for(5ms);
                   },
                   {}),
               base::Error);
  EXPECT_EQ(holder(), "b") << "what is another's is not given back";
}

TEST_F(Election, ADeadHoldersLeaseIsTakenOnceItIsOld) {
  kubernetes::Client client(config());
  take_over("dead");
  LeaderElection election(client, options("a"), log_);
  const auto began = std::chrono::steady_clock::now();
  election.run([](const std::stop_token&) {}, {});
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1000ms);
}

TEST_F(Election, StopEndsTheWaitForTheLease) {
  kubernetes::Client client(config());
  take_over("other");
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  bool led = false;
  LeaderElection(client, options("a"), log_).run([&](auto) { led = true; }, stop.get_token());
  EXPECT_FALSE(led);
}
