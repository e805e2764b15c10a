// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/probe_server.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/http.hpp"
#include "orchestrator/kubernetes/metrics.hpp"

namespace kubernetes = orchestrator::kubernetes;

namespace {

base::HttpResponse get(const kubernetes::ProbeServer& server, const std::string& path,
                       const std::string& method = "GET") {
  base::HttpClient client({});
  base::HttpRequest request;
  request.method = method;
  request.url = *base::Url::parse(fmt::format("http://127.0.0.1:{}{}", server.port(), path));
  return client.perform(request, {});
}

}  // namespace

TEST(ProbeServer, AnswersWhatItWasGivenAndNothingElse) {
  bool healthy = true;
  const kubernetes::ProbeServer server(
      "127.0.0.1:0",
      {{"/healthz", [&] { return kubernetes::ProbeAnswer{.ok = healthy, .text = "state\n"}; }}});

  EXPECT_EQ(get(server, "/healthz").status, 200);
  EXPECT_EQ(get(server, "/healthz?verbose=1").body, "state\n");
  EXPECT_EQ(get(server, "/healthz", "POST").status, 405);
  EXPECT_EQ(get(server, "/secrets").status, 404);
  healthy = false;
  EXPECT_EQ(get(server, "/healthz").status, 503);
}

TEST(ProbeServer, RefusesAnAddressItCannotListenAt) {
  EXPECT_THROW(kubernetes::ProbeServer("nonsense", {}), base::Error);
  const kubernetes::ProbeServer first("127.0.0.1:0", {});
  EXPECT_THROW(kubernetes::ProbeServer(fmt::format("127.0.0.1:{}", first.port()), {}), base::Error);
}

TEST(Metrics, AreWrittenAsPrometheusReadsThem) {
  kubernetes::Metrics metrics;
  metrics.count("a_total", R"(verb="get")");
  metrics.count("a_total", R"(verb="get")");
  metrics.set("b", 4);

  const auto text = metrics.text();
  EXPECT_NE(text.find("# TYPE a_total counter\na_total{verb=\"get\"} 2\n"), std::string::npos);
  EXPECT_NE(text.find("# TYPE b gauge\nb 4\n"), std::string::npos);
  EXPECT_NE(text.find("process_resident_memory_bytes "), std::string::npos);
}
