// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/event_recorder.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/null_sink.h>

#include "tests/support/fake_api_server.hpp"

namespace kubernetes = orchestrator::kubernetes;
using kubernetes::Object;
using tests::FakeApiServer;

TEST(EventRecorder, WritesAnEventOnceAndForgivesAServerThatRefusesIt) {
  FakeApiServer server([](const auto&) {
    return FakeApiServer::Answer{.status = 403, .body = R"({"reason":"Forbidden"})"};
  });
  kubernetes::ClusterConfig config;
  config.server = *base::Url::parse(server.url());
  kubernetes::Client client(config);
  kubernetes::EventRecorder recorder(
      client, "osartifact-operator", "pod-1",
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>()));
  const Object artifact = {{"apiVersion", "build.kairos.io/v1alpha2"},
                           {"kind", "OSArtifact"},
                           {"metadata", {{"name", "a"}, {"namespace", "n"}, {"uid", "u"}}}};
  const kubernetes::EventNote note{.reason = "BuildFailed",
                                   .action = "Build",
                                   .note = std::string(1023, 'x') + "\xC3\xA4 and more"};

  recorder.record(artifact, note);
  recorder.record(artifact, note);

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  const auto sent = Object::parse(requests[0].body);
  EXPECT_EQ(sent["regarding"]["uid"], "u");
  EXPECT_EQ(sent["metadata"]["namespace"], "n");
  EXPECT_EQ(sent["metadata"]["generateName"], "a-");
  EXPECT_EQ(sent["note"], std::string(1023, 'x')) << "cut on a character's border";
}
