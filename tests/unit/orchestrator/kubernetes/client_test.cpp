// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/client.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "tests/support/fake_api_server.hpp"

namespace kubernetes = orchestrator::kubernetes;
using kubernetes::Object;
using testing::HasSubstr;
using tests::FakeApiServer;

namespace {

kubernetes::ClusterConfig config_for(const FakeApiServer& server) {
  kubernetes::ClusterConfig config;
  config.server = *base::Url::parse(server.url());
  return config;
}

std::string status(int code, const std::string& reason, const std::string& message) {
  return Object{{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}}
      .dump();
}

template <typename Call>
std::optional<kubernetes::ApiError> refused(Call call) {
  try {
    call();
  } catch (const kubernetes::ApiError& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace

TEST(KubernetesClient, AsksAsTheApiWantsToBeAsked) {
  FakeApiServer server([](const auto&) { return FakeApiServer::Answer{.body = "{}"}; });
  kubernetes::Client client(config_for(server));
  const Object job = {{"apiVersion", "batch/v1"},
                      {"kind", "Job"},
                      {"metadata", {{"name", "a"}, {"namespace", "n"}}}};

  client.apply(kubernetes::kJobs, job);
  client.merge_status(kubernetes::kOsArtifacts, {"n", "b"}, {{"status", {{"phase", "Ready"}}}});
  client.create(kubernetes::kJobs, job);
  client.remove(kubernetes::kJobs, {"n", "a"}, {.propagation = "Foreground", .uid = "u1"});
  client.get(kubernetes::kNodes, {"", "node1"});
  client.exists(kubernetes::kSecrets, {"n", "s"});

  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 6U);
  EXPECT_EQ(requests[0].method, "PATCH");
  EXPECT_EQ(requests[0].target,
            "/apis/batch/v1/namespaces/n/jobs/a?force=true&fieldManager=osartifact");
  EXPECT_EQ(requests[0].headers.at("content-type"), "application/apply-patch+yaml");
  EXPECT_EQ(Object::parse(requests[0].body), job);
  EXPECT_EQ(requests[1].target,
            "/apis/build.kairos.io/v1alpha2/namespaces/n/osartifacts/b/status?"
            "fieldManager=osartifact");
  EXPECT_EQ(requests[1].headers.at("content-type"), "application/merge-patch+json");
  EXPECT_EQ(requests[2].method + requests[2].target,
            "POST/apis/batch/v1/namespaces/n/jobs?fieldManager=osartifact");
  EXPECT_EQ(requests[3].method, "DELETE");
  EXPECT_THAT(requests[3].target, HasSubstr("propagationPolicy=Foreground"));
  EXPECT_EQ(Object::parse(requests[3].body)["preconditions"]["uid"], "u1");
  EXPECT_EQ(requests[4].target, "/api/v1/nodes/node1");
  EXPECT_EQ(requests[5].headers.at("accept"),
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
      << "no value of a Secret comes here";
}

TEST(KubernetesClient, ARefusalSaysWhatTheServerSaid) {
  FakeApiServer server([](const auto& request) {
    if (request.method == "GET") {
      return FakeApiServer::Answer{.status = 404,
                                   .body = status(404, "NotFound", "jobs.batch \"a\" not found")};
    }
    return FakeApiServer::Answer{.status = 403,
                                 .body = status(403, "Forbidden", "User \"u\" cannot patch")};
  });
  kubernetes::Client client(config_for(server));

  EXPECT_EQ(client.find(kubernetes::kJobs, {"n", "a"}), std::nullopt);
  const auto forbidden = refused([&] {
    client.merge(kubernetes::kJobs, {"n", "a"}, Object::object());
  });
  ASSERT_TRUE(forbidden);
  EXPECT_EQ(forbidden->code(), base::ErrorCode::kUnauthorized);
  EXPECT_EQ(forbidden->facts().what, "cannot patch jobs.batch n/a");
  EXPECT_EQ(forbidden->facts().why, "403 Forbidden: User \"u\" cannot patch");
}

TEST(KubernetesClient, ListsPageByPageAndBeginsAnewWhenAPageHasExpired) {
  std::atomic<int> pages = 0;
  FakeApiServer server([&pages](const auto& request) {
    const bool first = request.target.find("continue=") == std::string::npos;
    if (!first && ++pages == 1) {
      return FakeApiServer::Answer{.status = 410, .body = status(410, "Expired", "too old")};
    }
    Object page = {{"metadata", {{"resourceVersion", "7"}}},
                   {"items", {{{"metadata", {{"name", first ? "a" : "b"}}}}}}};
    if (first) page["metadata"]["continue"] = "more&";
    return FakeApiServer::Answer{.body = page.dump()};
  });
  kubernetes::Client client(config_for(server));

  const auto list = client.list(kubernetes::kPods, {.space = "n", .label_selector = "a=b"});

  ASSERT_EQ(list.items.size(), 2U) << "and not three, with the page before the expired one";
  EXPECT_EQ(list.resource_version, "7");
  EXPECT_EQ(list.items[1]["kind"], "Pod");
  EXPECT_EQ(list.items[1]["apiVersion"], "v1");
  EXPECT_THAT(server.requests().back().target, HasSubstr("labelSelector=a%3Db&limit=500"));
  EXPECT_THAT(server.requests().back().target, HasSubstr("continue=more%26"));
}

TEST(KubernetesClient, WaitsWhenTheServerAsksForIt) {
  std::atomic<int> asked = 0;
  FakeApiServer server([&asked](const auto&) {
    if (++asked < 3) {
      return FakeApiServer::Answer{.status = 429, .body = "{}", .headers = "Retry-After: 0\r\n"};
    }
    return FakeApiServer::Answer{.body = "{}"};
  });
  kubernetes::Client client(config_for(server));

  client.create(kubernetes::kPods, {{"metadata", {{"namespace", "n"}, {"name", "a"}}}});

  EXPECT_EQ(asked, 3);
}

TEST(KubernetesClient, ReadsItsTokenAgainAfterA401) {
  const base::TempDir folder(base::temp_root(), "token");
  const auto file = folder.path() / "token";
  base::write_file_atomically(file, "old");
  FakeApiServer server([](const auto& request) {
    const bool fresh = request.headers.at("authorization") == "Bearer new";
    return FakeApiServer::Answer{.status = fresh ? 200 : 401, .body = "{}"};
  });
  auto config = config_for(server);
  config.token = std::make_shared<kubernetes::BearerToken>(file);
  kubernetes::Client client(config);

  const auto first = refused([&] { client.get(kubernetes::kPods, {"n", "a"}); });
  ASSERT_TRUE(first) << "the file still holds the old one";
  EXPECT_EQ(first->status(), 401);
  base::write_file_atomically(file, "new");
  EXPECT_NO_THROW(client.get(kubernetes::kPods, {"n", "a"}));
}

TEST(KubernetesClient, WatchesInPiecesOfAnySizeAndEndsWithTheServersError) {
  const auto event = [](const char* type, Object object) {
    return Object{{"type", type}, {"object", std::move(object)}}.dump() + "\n";
  };
  const auto named = [](const char* name, const char* version) {
    return Object{{"metadata", {{"name", name}, {"resourceVersion", version}}}};
  };
  FakeApiServer server([&](const auto&) {
    return FakeApiServer::Answer{
        .body = event("ADDED", named("a", "5")) + "\n" + event("MODIFIED", named("a", "6")) +
                event("DELETED", named("a", "7")) + event("BOOKMARK", named("", "9")) +
                event("ERROR", Object::parse(status(410, "Expired", "too old")))};
  });
  kubernetes::Client client(config_for(server));
  std::string seen;

  const auto ended = refused([&] {
    client.watch(kubernetes::kPods, {.space = "n"}, "4",
                 [&seen](const kubernetes::WatchEvent& told) {
                   seen += fmt::format("{}:{} ", static_cast<int>(told.type),
                                       kubernetes::version_of(told.object));
                 },
                 {});
  });

  EXPECT_EQ(seen, "0:5 1:6 2:7 3:9 ");
  ASSERT_TRUE(ended);
  EXPECT_TRUE(ended->is_expired());
  const auto target = server.requests().front().target;
  EXPECT_THAT(target, HasSubstr("resourceVersion=4&allowWatchBookmarks=true"));
}

TEST(KubernetesClient, SaysWhereNobodyListens) {
  kubernetes::ClusterConfig config;
  {
    const FakeApiServer gone([](const auto&) { return FakeApiServer::Answer{}; });
    config = config_for(gone);
  }
  kubernetes::Client client(config);
  try {
    client.merge(kubernetes::kPods, {"n", "a"}, Object::object());
    FAIL() << "nobody listens there";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
    EXPECT_EQ(error.facts().what, "cannot patch pods n/a");
    EXPECT_THAT(error.facts().hint, HasSubstr(config.server.authority()));
  }
}
