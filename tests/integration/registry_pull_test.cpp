// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

constexpr std::size_t kLayerBytes = 3U << 20;
constexpr const char* kBlobPath = "/v2/team/demo/blobs/sha256";

/// A registry with one blob of noise and a script.
struct Scripted {
  explicit Scripted(json script, std::vector<std::string> arguments = {})
      : registry({.script = std::move(script),
                  .arguments = std::move(arguments),
                  .certificates = nullptr}),
        layer(noise(kLayerBytes)) {
    put_image(registry, layer);
  }
  void fetch(oci::Registry& client) {
    client.fetch_blob(demo(registry.host()), descriptor_of(layer), sink, {});
  }
  FaultRegistry registry;
  std::string layer;
  StringSink sink;
};

json blob_rule(json actions) {
  actions["method"] = "GET";
  actions["path"] = kBlobPath;
  return actions;
}

std::vector<std::string> ranges(const FaultRegistry& registry) {
  std::vector<std::string> values;
  for (const auto& request : registry.requests()) {
    if (request.at("path").get<std::string>().find("/blobs/") == std::string::npos) continue;
    values.push_back(request.at("headers").value("Range", ""));
  }
  return values;
}

}  // namespace

TEST(RegistryPull, ResolvesAndReadsAManifest) {
  Scripted scripted(json::array());
  const auto client = make_client();

  const auto descriptor = client->resolve(demo(scripted.registry.host()), {});
  const auto document = client->manifest(demo(scripted.registry.host()), {});

  EXPECT_EQ(descriptor.digest, document.descriptor.digest);
  EXPECT_EQ(document.descriptor.digest, oci::Digest::of(document.bytes));
  EXPECT_EQ(document.descriptor.media_type, oci::media_type::kOciManifest);
  EXPECT_EQ(descriptor.size, document.bytes.size());
}

TEST(RegistryPull, Case068ResumesWhereTheConnectionWasCut) {
  Scripted scripted(json::array({blob_rule({{"cut", 2000000}})}));

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_EQ(scripted.sink.restarts, 0);
  EXPECT_EQ(ranges(scripted.registry), (std::vector<std::string>{"", "bytes=2000000-"}));
}

TEST(RegistryPull, GoesOnFromWhatTheSinkAlreadyHas) {
  Scripted scripted(json::array());
  scripted.sink.bytes = scripted.layer.substr(0, 1000);

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_EQ(ranges(scripted.registry), (std::vector<std::string>{"bytes=1000-"}));
}

TEST(RegistryPull, Case069NeverAppendsAnAnswerToTheWhole) {
  Scripted scripted(
      json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"ignore_range", true}})}));

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_EQ(scripted.sink.restarts, 0) << "what was there is dropped from the answer";
}

TEST(RegistryPull, Case069GoesOnWhereEachAnswerIsWholeAndCut) {
  Scripted scripted(json::array({blob_rule({{"cut", 1500000}}),
                                 blob_rule({{"ignore_range", true}, {"cut", 1000}}),
                                 blob_rule({{"ignore_range", true}, {"cut", 2900000}}),
                                 blob_rule({{"ignore_range", true}})}));

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
}

TEST(RegistryPull, Case071TheFirstRequestAsksForNoRange) {
  Scripted scripted(json::array());

  scripted.fetch(*make_client());

  EXPECT_EQ(ranges(scripted.registry), (std::vector<std::string>{""}));
}

TEST(RegistryPull, Case070NeverAppendsARangeThatIsNotTheOneAskedFor) {
  for (const json& value :
       {json("bytes 5-3145727/3145728"), json("bytes 2000000-3145727/9"), json("nonsense"),
        json::array({"bytes 2000000-3145727/3145728", "bytes 2000000-3145727/3145728"})}) {
    Scripted scripted(
        json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"content_range", value}})}));

    scripted.fetch(*make_client());

    EXPECT_EQ(scripted.sink.bytes, scripted.layer) << value;
    EXPECT_EQ(scripted.sink.restarts, 1) << value;
  }
}

TEST(RegistryPull, Case088StartsAgainOnceWhenARestartedRegistryRefusesTheRange) {
  for (const int status : {416, 400}) {
    Scripted scripted(
        json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"status", status}})}));

    scripted.fetch(*make_client());

    EXPECT_EQ(scripted.sink.bytes, scripted.layer);
    EXPECT_EQ(ranges(scripted.registry), (std::vector<std::string>{"", "bytes=2000000-", ""}));
  }
}

TEST(RegistryPull, Case088ARegistryThatRefusesTheRangeTwiceCannotResume) {
  Scripted scripted(json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"status", 416}}),
                                 blob_rule({{"cut", 2000000}}), blob_rule({{"status", 416}})}));

  const auto error = error_of([&] { scripted.fetch(*make_client()); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("416"));
  EXPECT_EQ(scripted.registry.count("GET", "/blobs/"), 4U);
}

TEST(RegistryPull, Case072GivesUpWhenEveryTryBringsNextToNothing) {
  Scripted scripted(json::array({blob_rule({{"cut", 10000}, {"times", -1}})}));

  const auto error = error_of([&] { scripted.fetch(*make_client()); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
  EXPECT_LE(scripted.registry.count("GET", "/blobs/"), 6U);
}

TEST(RegistryPull, Case082RefusesABodyThatIsLongerThanItShouldBe) {
  Scripted announced(json::array({blob_rule({{"extra", 10}})}));
  Scripted silent(json::array(
      {blob_rule({{"extra", 10}, {"drop", {"Content-Length"}}, {"cut", kLayerBytes + 10}})}));

  const auto early = error_of([&] { announced.fetch(*make_client()); });
  const auto late = error_of([&] { silent.fetch(*make_client()); });

  EXPECT_EQ(early.code(), base::ErrorCode::kIntegrity);
  EXPECT_TRUE(announced.sink.bytes.empty());
  EXPECT_EQ(late.code(), base::ErrorCode::kIntegrity);
  EXPECT_LE(silent.sink.bytes.size(), kLayerBytes);
}

TEST(RegistryPull, Case083TakesACleanButEarlyEndForABreak) {
  Scripted scripted(json::array({blob_rule({{"drop", {"Content-Length"}}, {"cut", 1500000}})}));

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
}

TEST(RegistryPull, Case038Case040Case048FollowsARedirectToStorageWithoutTheCredential) {
  const auto digest = descriptor_of(noise(kLayerBytes)).digest.text();
  Scripted scripted(
      json::array({blob_rule({{"redirect", "http://127.0.0.1:{storage_port}/storage/" + digest +
                                               "?X-Amz-Signature=abc"},
                              {"skip", 0},
                              {"times", -1}})}),
      {"--user", "bob", "--password", "canary-pass"});
  auto keychain = keychain_of(config_for(scripted.registry.host(), "bob", "canary-pass"));

  scripted.fetch(*make_client({.keychain = keychain, .http = {}}));

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  bool storage_asked = false;
  for (const auto& request : scripted.registry.requests()) {
    if (request.at("server") != "storage") continue;
    storage_asked = true;
    for (const auto& [name, value] : request.at("headers").items()) {
      EXPECT_NE(name, "Authorization");
      EXPECT_NE(name, "Referer");
      EXPECT_NE(name, "Cookie");
    }
  }
  EXPECT_TRUE(storage_asked);
}

TEST(RegistryPull, DoesNotBringTheCredentialBackFromARedirectAway) {
  Scripted scripted(
      json::array(
          {blob_rule(
               {{"redirect", "http://127.0.0.1:{storage_port}/there"}, {"skip", 1}, {"times", 1}}),
           {{"server", "storage"},
            {"path", "/there"},
            {"redirect", "http://127.0.0.1:{port}/v2/team/demo/blobs/sha256:back"}}}),
      {"--user", "bob", "--password", "canary-pass"});
  // The first request of all learns how to log in, so this one is the second.
  auto keychain = keychain_of(config_for(scripted.registry.host(), "bob", "canary-pass"));
  const auto client = make_client({.keychain = keychain, .http = {}});
  StringSink first;
  client->fetch_blob(demo(scripted.registry.host()), descriptor_of(scripted.layer), first, {});

  static_cast<void>(error_of([&] { scripted.fetch(*client); }));

  bool came_back = false;
  for (const auto& request : scripted.registry.requests()) {
    if (request.at("path") != "/v2/team/demo/blobs/sha256:back") continue;
    came_back = true;
    EXPECT_FALSE(request.at("headers").contains("Authorization"));
  }
  EXPECT_TRUE(came_back);
}

TEST(RegistryPull, Case064StopsAfterTenRedirects) {
  Scripted scripted(
      json::array({blob_rule({{"redirect", std::string(kBlobPath) + ":again"}, {"times", -1}})}));

  const auto error = error_of([&] { scripted.fetch(*make_client()); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("10"));
  EXPECT_EQ(scripted.registry.count("GET", "/blobs/"), 11U);
}

TEST(RegistryPull, Case073WaitsAsLongAsRetryAfterSays) {
  Scripted scripted(
      json::array({blob_rule({{"status", 429}, {"headers", {{"Retry-After", "1"}}}})}));
  const auto start = std::chrono::steady_clock::now();

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(990));
}

TEST(RegistryPull, Case073NamesTheRateLimitWhenItDoesNotEnd) {
  Scripted scripted(json::array({{{"path", "/manifests/"},
                                  {"status", 429},
                                  {"times", -1},
                                  {"body", "Too Many Requests (HAP429)."}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("429 Too Many Requests"));
  EXPECT_THAT(error.facts().hint, HasSubstr("limits how often"));
  EXPECT_EQ(scripted.registry.count("GET", "/manifests/"), 4U);
}

TEST(RegistryPull, Case074ReadsARateLimitWithBareLineFeeds) {
  Scripted scripted(
      json::array({{{"path", "/manifests/"},
                    {"raw", "HTTP/1.1 429 Too Many Requests\nRetry-After: 0\n\nToo Many Requests"},
                    {"times", -1}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

  EXPECT_THAT(error.facts().why, HasSubstr("429 Too Many Requests"));
}

TEST(RegistryPull, Case075TriesAgainAfterServerErrorsAndKeepsTheLast) {
  Scripted shaky(json::array({{{"path", "/manifests/"}, {"status", 503}, {"times", 2}}}));
  Scripted down(json::array(
      {{{"path", "/manifests/"}, {"status", 502}, {"times", 3}},
       {{"path", "/manifests/"}, {"status", 504}, {"times", -1}, {"body", "upstream timed out"}}}));

  const auto document = make_client()->manifest(demo(shaky.registry.host()), {});
  const auto error = error_of([&] { make_client()->manifest(demo(down.registry.host()), {}); });

  EXPECT_FALSE(document.bytes.empty());
  EXPECT_EQ(shaky.registry.count("GET", "/manifests/"), 3U);
  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("504 upstream timed out"));
  EXPECT_EQ(down.registry.count("GET", "/manifests/"), 4U);
}

TEST(RegistryPull, Case076AManifestThatIsRefusedIsAskedForOnce) {
  using Code = base::ErrorCode;
  const std::vector<std::pair<int, Code>> answers = {{401, Code::kUnauthorized},
                                                     {403, Code::kUnauthorized},
                                                     {404, Code::kNotFound},
                                                     {410, Code::kRegistry}};
  for (const auto& [status, code] : answers) {
    Scripted scripted(json::array({{{"path", "/manifests/"}, {"status", status}, {"times", -1}}}));

    const auto error =
        error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

    EXPECT_EQ(error.code(), code) << status;
    EXPECT_EQ(scripted.registry.count("GET", "/manifests/"), 1U) << status;
  }
}

TEST(RegistryPull, Case076NotFoundAlsoSaysNoAccessAndPrintsNoToken) {
  Scripted missing(json::array(), {"--user", "bob", "--password", "canary-pass", "--token-auth"});
  const auto host = missing.registry.host();
  const auto client =
      make_client({.keychain = keychain_of(config_for(host, "bob", "canary-pass")), .http = {}});
  const auto gone = oci::Reference::parse(host + "/team/gone:1");

  const auto error = error_of([&] { client->manifest(gone, {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(error.facts().why, HasSubstr("MANIFEST_UNKNOWN (manifest unknown)"));
  EXPECT_THAT(error.facts().why, HasSubstr("user 'bob'"));
  EXPECT_THAT(error.facts().hint, HasSubstr("private image also looks missing"));
  EXPECT_THAT(base::render(error), Not(HasSubstr("Bearer")));
  EXPECT_THAT(base::render(error), Not(HasSubstr("canary")));
}

TEST(RegistryPull, Case077ShowsOneShortLineOfAWebPageAndNothingOfAnEmptyBody) {
  for (const std::string& body : {std::string("<html>\x1b[31mBad Gateway\nmore"), std::string()}) {
    Scripted scripted(
        json::array({{{"path", "/manifests/"}, {"status", 403}, {"times", -1}, {"body", body}}}));

    const auto error =
        error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

    EXPECT_THAT(error.facts().why, HasSubstr("403"));
    EXPECT_THAT(error.facts().why, Not(HasSubstr("\x1b")));
    EXPECT_THAT(error.facts().why, Not(HasSubstr("more")));
  }
}

TEST(RegistryPull, Case078AsksWithGetWhereHeadIsRefused) {
  for (const int status : {403, 404, 405}) {
    Scripted scripted(
        json::array({{{"method", "HEAD"}, {"path", "/manifests/"}, {"status", status}}}));

    const auto descriptor = make_client()->resolve(demo(scripted.registry.host()), {});

    EXPECT_EQ(descriptor.media_type, oci::media_type::kOciManifest) << status;
  }
}

TEST(RegistryPull, Case079AManifestByDigestMustHaveThatDigest) {
  Scripted wrong(json::array({{{"path", "/manifests/"}, {"flip", true}}}));
  auto by_digest = demo(wrong.registry.host());
  by_digest.digest = oci::Digest::of(put_image(wrong.registry, wrong.layer));

  const auto error = error_of([&] { make_client()->manifest(by_digest, {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
}

TEST(RegistryPull, Case079TheDigestHeaderIsNotTrusted) {
  const auto lie = "sha256:" + std::string(64, '0');
  for (const json& rule :
       {json{{"path", "/manifests/"}, {"times", -1}, {"headers", {{"Docker-Content-Digest", lie}}}},
        json{{"path", "/manifests/"},
             {"times", -1},
             {"drop", json::array({"Docker-Content-Digest"})}}}) {
    Scripted scripted(json::array({rule}));
    const auto bytes = put_image(scripted.registry, scripted.layer);

    const auto document = make_client()->manifest(demo(scripted.registry.host()), {});

    EXPECT_EQ(document.descriptor.digest, oci::Digest::of(bytes)) << rule;
  }
}

TEST(RegistryPull, Case080AWrongContentLengthIsRefusedBeforeAnyByteIsUsed) {
  Scripted missing(json::array({blob_rule({{"drop", {"Content-Length"}}, {"cut", kLayerBytes}})}));
  Scripted wrong(json::array({blob_rule({{"headers", {{"Content-Length", "4000000"}}}})}));

  missing.fetch(*make_client());
  const auto error = error_of([&] { wrong.fetch(*make_client()); });

  EXPECT_EQ(missing.sink.bytes, missing.layer);
  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("4000000 bytes instead of 3145728"));
  EXPECT_TRUE(wrong.sink.bytes.empty());
}

TEST(RegistryPull, Case081AsksForNoEncodingAndDecodesNone) {
  Scripted labelled(json::array({blob_rule({{"headers", {{"Content-Encoding", "gzip"}}}})}));
  Scripted encoded(
      json::array({blob_rule({{"shorten", 1000}, {"headers", {{"Content-Encoding", "gzip"}}}})}));

  labelled.fetch(*make_client());
  const auto error = error_of([&] { encoded.fetch(*make_client()); });

  EXPECT_EQ(labelled.sink.bytes, labelled.layer) << "the bytes are what the digest is over";
  EXPECT_EQ(labelled.registry.requests().back().at("headers").at("Accept-Encoding"), "identity");
  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("Content-Encoding gzip"));
}

TEST(RegistryPull, Case090AWebPageIsNotAManifest) {
  Scripted page(json::array({{{"path", "/manifests/"},
                              {"status", 200},
                              {"headers", {{"Content-Type", "text/html; charset=utf-8"}}},
                              {"body", "<html>log in</html>"}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(page.registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("text/html"));
}

TEST(RegistryPull, RefusesAManifestThatIsTooLarge) {
  Scripted scripted(json::array({{{"path", "/manifests/"}, {"extra", 5 << 20}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("larger"));
}

TEST(RegistryPull, Case087AWarningOfTheRegistryIsShownOnceShortAndPrintable) {
  std::ostringstream shown;
  auto log = std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(shown));
  Scripted scripted(json::array(
      {{{"path", "/manifests/"},
        {"times", -1},
        {"headers",
         {{"Warning", json::array({"299 - \"old: \x1b[31mmove\"", "199 - \"not for us\"",
                                   "299 - \"" + std::string(5000, 'x') + "\""})}}}}}));
  const auto client = make_client({.keychain = keychain_of(""), .http = {}, .log = std::move(log)});

  for (int i = 0; i < 3; ++i) client->manifest(demo(scripted.registry.host()), {});

  const auto text = shown.str();
  const auto count = [&](std::string_view part) {
    std::size_t number = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++number;
    return number;
  };
  EXPECT_EQ(count("old: \\x1b[31mmove"), 1U) << text;
  EXPECT_EQ(count("not for us"), 0U);
  EXPECT_EQ(count("xxxx says"), 0U);
  EXPECT_LE(text.size(), 5000U);
  EXPECT_GE(count("x"), 4000U);
}

TEST(RegistryPull, Case042TheUrlsOfADescriptorAreNotAsked) {
  Scripted scripted(json::array());
  auto blob = descriptor_of(scripted.layer);
  blob.urls = {"http://" + scripted.registry.storage_host() + "/storage/" + blob.digest.text()};

  make_client()->fetch_blob(demo(scripted.registry.host()), blob, scripted.sink, {});

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  for (const auto& request : scripted.registry.requests()) {
    EXPECT_EQ(request.at("server"), "registry");
  }
}
