// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;
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

TEST(RegistryPull, ResumesWhereTheConnectionWasCut) {
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

TEST(RegistryPull, StartsAgainWhenTheRegistryAnswersAllToARange) {
  Scripted scripted(
      json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"ignore_range", true}})}));

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_EQ(scripted.sink.restarts, 1);
}

TEST(RegistryPull, NeverAppendsARangeThatIsNotTheOneAskedFor) {
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

TEST(RegistryPull, StartsAgainWhenARestartedRegistryRefusesTheRange) {
  for (const int status : {416, 400}) {
    Scripted scripted(
        json::array({blob_rule({{"cut", 2000000}}), blob_rule({{"status", status}})}));

    scripted.fetch(*make_client());

    EXPECT_EQ(scripted.sink.bytes, scripted.layer);
    EXPECT_EQ(scripted.sink.restarts, 1);
  }
}

TEST(RegistryPull, GivesUpWhenEveryTryBringsNextToNothing) {
  Scripted scripted(json::array({blob_rule({{"cut", 10000}, {"times", -1}})}));

  const auto error = error_of([&] { scripted.fetch(*make_client()); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
  EXPECT_LE(scripted.registry.count("GET", "/blobs/"), 6U);
}

TEST(RegistryPull, RefusesABodyThatIsLongerThanItShouldBe) {
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

TEST(RegistryPull, TakesACleanButEarlyEndForABreak) {
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

TEST(RegistryPull, WaitsAsLongAsRetryAfterSays) {
  Scripted scripted(
      json::array({blob_rule({{"status", 429}, {"headers", {{"Retry-After", "1"}}}})}));
  const auto start = std::chrono::steady_clock::now();

  scripted.fetch(*make_client());

  EXPECT_EQ(scripted.sink.bytes, scripted.layer);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(990));
}

TEST(RegistryPull, NamesTheRateLimitWhenItDoesNotEnd) {
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

TEST(RegistryPull, ReadsARateLimitWithBareLineFeeds) {
  Scripted scripted(
      json::array({{{"path", "/manifests/"},
                    {"raw", "HTTP/1.1 429 Too Many Requests\nRetry-After: 0\n\nToo Many Requests"},
                    {"times", -1}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

  EXPECT_THAT(error.facts().why, HasSubstr("429 Too Many Requests"));
}

TEST(RegistryPull, TriesAgainAfterServerErrorsButNotAfterNotFound) {
  Scripted shaky(json::array({{{"path", "/manifests/"}, {"status", 503}, {"times", 2}}}));
  Scripted missing(json::array());
  const auto gone = oci::Reference::parse(missing.registry.host() + "/team/gone:1");

  const auto document = make_client()->manifest(demo(shaky.registry.host()), {});
  const auto error = error_of([&] { make_client()->manifest(gone, {}); });

  EXPECT_FALSE(document.bytes.empty());
  EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(error.facts().why, HasSubstr("MANIFEST_UNKNOWN (manifest unknown)"));
  EXPECT_EQ(missing.registry.count("GET", "/manifests/"), 1U);
}

TEST(RegistryPull, AsksWithGetWhereHeadIsRefused) {
  for (const int status : {403, 404, 405}) {
    Scripted scripted(
        json::array({{{"method", "HEAD"}, {"path", "/manifests/"}, {"status", status}}}));

    const auto descriptor = make_client()->resolve(demo(scripted.registry.host()), {});

    EXPECT_EQ(descriptor.media_type, oci::media_type::kOciManifest) << status;
  }
}

TEST(RegistryPull, RefusesALoginPageAndAWrongDigest) {
  Scripted page(json::array({{{"path", "/manifests/"},
                              {"status", 200},
                              {"headers", {{"Content-Type", "text/html; charset=utf-8"}}},
                              {"body", "<html>log in</html>"}}}));
  Scripted wrong(json::array({{{"path", "/manifests/"}, {"flip", true}}}));
  auto by_digest = demo(wrong.registry.host());
  by_digest.digest = oci::Digest::of(put_image(wrong.registry, wrong.layer));

  const auto html = error_of([&] { make_client()->manifest(demo(page.registry.host()), {}); });
  const auto digest = error_of([&] { make_client()->manifest(by_digest, {}); });

  EXPECT_EQ(html.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(html.facts().why, HasSubstr("text/html"));
  EXPECT_EQ(digest.code(), base::ErrorCode::kIntegrity);
}

TEST(RegistryPull, RefusesAManifestThatIsTooLarge) {
  Scripted scripted(json::array({{{"path", "/manifests/"}, {"extra", 5 << 20}}}));

  const auto error = error_of([&] { make_client()->manifest(demo(scripted.registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("larger"));
}
