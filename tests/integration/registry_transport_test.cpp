// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

class Tls : public testing::Test {
 protected:
  static base::Error pull_error(const FaultRegistry& registry, base::HttpClientOptions http) {
    return error_of([&] {
      make_client({.keychain = keychain_of(""), .http = std::move(http)})
          ->manifest(demo(registry.host()), {});
    });
  }
  base::TempDir folder_{base::temp_root(), "tls"};
  TestCertificates certificates_{folder_.path()};
  FaultRegistry registry_{
      {.script = json::array(), .arguments = {}, .certificates = &certificates_}};
};

double seconds_of(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_F(Tls, AnUnknownCaIsRefusedWithAHint) {
  const auto error = pull_error(registry_, {});

  EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
  EXPECT_THAT(error.facts().hint, HasSubstr("--ca-dir"));
  EXPECT_EQ(registry_.count("GET", ""), 0U) << "nothing was asked in plain HTTP either";
}

TEST_F(Tls, AFolderOfCasIsTrusted) {
  base::HttpClientOptions http;
  http.trust.ca_dirs = {certificates_.ca_dir};

  EXPECT_EQ(pull_error(registry_, http).code(), base::ErrorCode::kNotFound);
}

TEST_F(Tls, ACertsFolderIsTrustedForItsHostAlone) {
  base::HttpClientOptions http;
  http.trust.certs_dirs = {folder_.path() / "certs.d"};
  const auto own = folder_.path() / "certs.d" / registry_.host();
  std::filesystem::create_directories(own);
  std::filesystem::copy(certificates_.ca_dir / "ca.crt", own / "ca.crt");
  const FaultRegistry other(
      {.script = json::array(), .arguments = {}, .certificates = &certificates_});

  EXPECT_EQ(pull_error(registry_, http).code(), base::ErrorCode::kNotFound);
  EXPECT_EQ(pull_error(other, http).code(), base::ErrorCode::kNetwork);
}

TEST_F(Tls, SslCertFileReplacesTheSystemsBundle) {
  base::HttpClientOptions http;
  http.trust.add_environment({{"SSL_CERT_FILE", (certificates_.ca_dir / "ca.crt").string()}});

  EXPECT_EQ(pull_error(registry_, http).code(), base::ErrorCode::kNotFound);
}

TEST_F(Tls, AnInsecureHostIsNotVerified) {
  base::HttpClientOptions http;
  http.trust.insecure_hosts = {registry_.host()};

  EXPECT_EQ(pull_error(registry_, http).code(), base::ErrorCode::kNotFound);
}

TEST_F(Tls, Case039ARedirectFromHttpsToHttpIsRefused) {
  const FaultRegistry registry(
      {.script = json::array(
           {{{"path", "/manifests/"}, {"redirect", "http://127.0.0.1:{storage_port}/storage/x"}}}),
       .arguments = {},
       .certificates = &certificates_});
  base::HttpClientOptions http;
  http.trust.ca_dirs = {certificates_.ca_dir};

  const auto error = pull_error(registry, http);

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("from https to http://"));
}

TEST(Transport, Case067HostsThatAreUnknownOrClosedFailWithinTenSeconds) {
  std::vector<base::Error> errors;
  const auto seconds = seconds_of([&] {
    for (const auto* host : {"registry.invalid", "127.0.0.1:1"}) {
      errors.push_back(error_of([&] {
        oci::RegistryClientOptions real;  // The waits that users get.
        make_client({.keychain = keychain_of(""), .http = {}, .registry = real})
            ->manifest(demo(host), {});
      }));
    }
  });

  EXPECT_LT(seconds, 10);
  EXPECT_EQ(errors[0].code(), base::ErrorCode::kNetwork);
  EXPECT_EQ(errors[0].facts().what, "cannot reach registry.invalid");
  EXPECT_THAT(errors[0].facts().hint, HasSubstr("name server"));
  EXPECT_EQ(errors[1].facts().what, "cannot reach 127.0.0.1:1");
  EXPECT_THAT(errors[1].facts().hint, HasSubstr("listens"));
}

TEST(Transport, AStopEndsAStalledTransferAtOnce) {
  const FaultRegistry registry({.script = json::array({{{"path", "/manifests/"}, {"stall", 30}}}),
                                .arguments = {},
                                .certificates = nullptr});
  std::stop_source stop;
  std::chrono::steady_clock::time_point asked;
  std::jthread later([&] {
    while (registry.count("GET", "/manifests/") == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    asked = std::chrono::steady_clock::now();
    stop.request_stop();
  });

  const auto error =
      error_of([&] { make_client()->manifest(demo(registry.host()), stop.get_token()); });
  const auto ended = std::chrono::steady_clock::now();
  later.join();

  EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  // 1 ms on an idle machine; libcurl itself looks up once a second.
  EXPECT_LT(ended - asked, std::chrono::milliseconds(500));
}

TEST(Transport, Case066AStalledBodyIsCut) {
  const FaultRegistry registry(
      {.script = json::array(
           {{{"path", "/storage/"}, {"server", "storage"}, {"stall", 30}, {"stall_after", 1000}}}),
       .arguments = {},
       .certificates = nullptr});
  const auto digest = registry.put_blob(noise(50000));
  base::HttpClient client({});
  base::HttpRequest request;
  request.url = *base::Url::parse(
      fmt::format("http://{}/storage/{}", registry.storage_host(), digest.text()));
  request.stall_timeout = std::chrono::seconds(1);

  base::HttpOutcome outcome;
  const auto seconds = seconds_of([&] { outcome = client.try_perform(request, {}); });

  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->kind, base::TransportFailure::Kind::kStalled);
  EXPECT_LT(seconds, 15);  // libcurl looks at the speed of the last five seconds.
}

TEST(Transport, Case056PlainHttpIsNotSpokenToAHostThatIsNeitherLoopbackNorInsecure) {
  base::HttpClient client({});
  base::HttpRequest request;
  request.url = *base::Url::parse("http://registry.invalid/v2/");

  const auto error = error_of([&] { client.try_perform(request, {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
  EXPECT_THAT(error.facts().hint, HasSubstr("--insecure-registry registry.invalid"));
}

TEST(Transport, Case043AnAnswerOnBehalfOfAPublicServerMustNotComeFromLoopback) {
  const FaultRegistry registry({});
  base::HttpClient client({});
  base::HttpRequest request;
  // A name, so that only the address connected to can tell; localhost may be spoken to in plain
  // HTTP, and the server that referred us there has never been seen at a local address.
  request.url = *base::Url::parse(
      "http://localhost:" + registry.host().substr(registry.host().find(':') + 1) + "/v2/");
  request.on_behalf_of = base::Url::parse("https://registry.example/v2/");

  const auto fresh = error_of([&] { client.try_perform(request, {}); });
  auto own = request;
  own.on_behalf_of.reset();
  const auto allowed = client.try_perform(own, {});
  const auto reused = error_of([&] { client.try_perform(request, {}); });

  EXPECT_EQ(fresh.code(), base::ErrorCode::kRegistry);
  EXPECT_EQ(allowed.response.status, 200);
  EXPECT_EQ(reused.code(), base::ErrorCode::kRegistry) << "an open connection is checked as well";
  EXPECT_EQ(registry.count("GET", "/v2/"), 1U);
}

TEST_F(Tls, Case065AResetStreamIsResumedAndThenHttp11IsSpoken) {
  const auto blob = noise(60000);
  const H2Registry registry(certificates_, blob, 2);
  base::HttpClientOptions http;
  http.trust.ca_dirs = {certificates_.ca_dir};
  StringSink sink;

  make_client({.keychain = keychain_of(""), .http = http})
      ->fetch_blob(demo(registry.host()), descriptor_of(blob), sink, {});

  std::vector<std::string> versions;
  std::vector<bool> ranged;  // Where it goes on is libcurl's: it drops what came with the reset.
  for (const auto& request : registry.requests()) {
    if (request.at("path") == "/v2/") continue;
    versions.push_back(request.at("version"));
    ranged.push_back(!request.at("range").get<std::string>().empty());
  }
  EXPECT_EQ(versions, (std::vector<std::string>{"2", "2", "1.1"}));
  EXPECT_EQ(ranged, (std::vector<bool>{false, true, true}));
  EXPECT_EQ(sink.bytes, blob);
}

TEST_F(Tls, Http2IsSpokenAndItsConnectionUsedAgain) {
  const auto blob = noise(60000);
  const H2Registry registry(certificates_, blob, 0);
  base::HttpClientOptions http;
  http.trust.ca_dirs = {certificates_.ca_dir};
  const auto client = make_client({.keychain = keychain_of(""), .http = http});

  for (int i = 0; i < 3; ++i) {
    StringSink sink;
    client->fetch_blob(demo(registry.host()), descriptor_of(blob), sink, {});
    EXPECT_EQ(sink.bytes, blob);
  }

  const auto requests = registry.requests();
  ASSERT_EQ(requests.size(), 4U) << "one to see who is there, three for the blob";
  for (const auto& request : requests) {
    EXPECT_EQ(request.at("version"), "2");
    EXPECT_EQ(request.at("connection"), requests.front().at("connection"));
  }
}

TEST_F(Tls, Case051ARealmOnPlainHttpIsRefusedWhereTheRegistryIsOnHttps) {
  const FaultRegistry registry(
      {.script =
           json::array({{{"path", "^/v2/"},
                         {"times", -1},
                         {"status", 401},
                         {"headers",
                          {{"WWW-Authenticate",
                            R"(Bearer realm="http://127.0.0.1:{port}/token",service="x")"}}}}}),
       .arguments = {},
       .certificates = &certificates_});
  base::HttpClientOptions http;
  http.trust.ca_dirs = {certificates_.ca_dir};

  const auto error = pull_error(registry, http);

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("plain http"));
  EXPECT_EQ(registry.count("GET", "/token"), 0U);
}

TEST(Transport, Case086MoreRequestsThanAHostMayHaveAllEndAlsoWhenTheyAreTriedAgain) {
  const FaultRegistry registry(
      {.script = json::array({{{"path", "/blobs/"}, {"times", 12}, {"status", 503}},
                              {{"path", "/blobs/"}, {"times", 12}, {"cut", 10}}}),
       .arguments = {},
       .certificates = nullptr});
  const auto blob = noise(100000);
  registry.put_blob(blob);
  // Any one of them may meet all the faults.
  auto patient = quick_retries();
  patient.tries = 30;
  patient.longest_wait = std::chrono::milliseconds(50);
  const auto client =
      make_client({.keychain = keychain_of(""), .http = {}, .registry = {.retry = patient}});

  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 24; ++i) {
      threads.emplace_back([&] {
        StringSink sink;
        client->fetch_blob(demo(registry.host()), descriptor_of(blob), sink, {});
        EXPECT_EQ(sink.bytes, blob);
      });
    }
  }

  EXPECT_EQ(registry.count("GET", "/blobs/"), 48U);
}

TEST(Transport, Case086NoMoreThanEightRequestsAreUnderWayAtAHost) {
  const FaultRegistry registry(
      {.script = json::array({{{"path", "/slow"}, {"times", -1}, {"status", 200}, {"stall", 3}}}),
       .arguments = {},
       .certificates = nullptr});
  base::HttpClient client({});
  base::HttpRequest request;
  request.url = *base::Url::parse("http://" + registry.host() + "/slow");

  std::vector<std::jthread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] { client.perform(request, {}); });
  }
  for (int i = 0; i < 100 && registry.count("GET", "/slow") < 8; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));

  EXPECT_EQ(registry.count("GET", "/slow"), 8U);
}
