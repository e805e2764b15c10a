// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>

#include "base/files.hpp"
#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

const std::vector<std::string> kPassword = {"--user", "bob", "--password", "canary-pass"};

std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

FaultRegistryOptions guarded(std::vector<std::string> arguments, json script = json::array()) {
  return {.script = std::move(script), .arguments = std::move(arguments), .certificates = nullptr};
}

std::unique_ptr<oci::Registry> client_with(std::shared_ptr<auth::Keychain> keychain) {
  return make_client({.keychain = std::move(keychain), .http = {}});
}

/// A keychain of several Secrets of one rank.
std::shared_ptr<auth::Keychain> secrets_of(const std::vector<std::string>& configs) {
  auth::KeychainOptions options;
  for (const auto& config : configs) {
    options.secrets.push_back(auth::fixed_secret(
        "secret 's" + std::to_string(options.secrets.size()) + "'", base::Secret(config)));
  }
  return std::make_shared<auth::Keychain>(auth::default_sources(options));
}

std::size_t login_count(const FaultRegistry& registry) { return registry.count("GET", "/token"); }

}  // namespace

TEST(RegistryLogin, PullsWithUserAndPassword) {
  const FaultRegistry registry(guarded(kPassword));
  put_image(registry, "layer");
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

  const auto document = client->manifest(demo(registry.host()), {});

  EXPECT_FALSE(document.bytes.empty());
}

TEST(RegistryLogin, Case286UsesOneTokenForManyRequestsOfManyThreads) {
  const FaultRegistry registry(guarded(with(kPassword, {"--token-auth"})));
  put_image(registry, "layer");
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] { client->manifest(demo(registry.host()), {}); });
    }
  }

  EXPECT_EQ(registry.count("GET", "/manifests/"), 8U);
  EXPECT_EQ(login_count(registry), 1U);
}

TEST(RegistryLogin, PullsAnonymouslyWithATokenOfNobody) {
  const FaultRegistry registry(guarded({"--token-auth"}));
  put_image(registry, "layer");

  EXPECT_NO_THROW(make_client()->manifest(demo(registry.host()), {}));
}

TEST(RegistryLogin, Case028TriesEachSecretThatFits) {
  for (const bool token : {false, true}) {
    const FaultRegistry registry(guarded(token ? with(kPassword, {"--token-auth"}) : kPassword));
    put_image(registry, "layer");
    const auto client = client_with(
        secrets_of({config_for(registry.host(), "bob", "stale"), config_for("other.io", "x", "y"),
                    config_for(registry.host(), "bob", "canary-pass")}));

    client->manifest(demo(registry.host()), {});
    const auto before = registry.requests().size();
    client->manifest(demo(registry.host()), {});

    EXPECT_EQ(registry.requests().size(), before + 1) << "the one that worked is remembered";
  }
}

TEST(RegistryLogin, Case035SaysWhoWasRejectedAndWhereThatCameFromButNoPassword) {
  for (const bool token : {false, true}) {
    const FaultRegistry registry(guarded(token ? with(kPassword, {"--token-auth"}) : kPassword));
    const auto client =
        client_with(secrets_of({config_for(registry.host(), "bob", "wrong-canary")}));

    const auto error = error_of([&] { client->manifest(demo(registry.host()), {}); });

    EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
    EXPECT_THAT(base::render(error),
                AllOf(HasSubstr(registry.host()), HasSubstr("user 'bob'"), HasSubstr("secret 's0'"),
                      Not(HasSubstr("wrong-canary"))));
  }
}

TEST(RegistryLogin, SaysWhereItLookedWhenThereAreNoCredentials) {
  const FaultRegistry registry(guarded(kPassword));
  const auto client = client_with(secrets_of({config_for("other.io", "x", "y")}));

  const auto error = error_of([&] { client->manifest(demo(registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
  EXPECT_THAT(error.facts().why, AllOf(HasSubstr("no credentials"), HasSubstr("secret 's0'")));
  EXPECT_THAT(error.facts().hint, HasSubstr("--credentials"));
}

TEST(RegistryLogin, Case034ReadsARotatedFileAgainBeforeItGivesUp) {
  const base::TempDir folder(base::temp_root(), "rotation");
  const auto users = folder.path() / "users.json";
  base::write_file_atomically(users, R"({"bob": "one"})");
  const FaultRegistry registry(guarded({"--users", users.string()}));
  put_image(registry, "layer");
  const auto config = folder.path() / "config.json";
  base::write_file_atomically(config, config_for(registry.host(), "bob", "one"));
  auth::KeychainOptions options;
  options.credentials = {config};
  const auto client = client_with(std::make_shared<auth::Keychain>(auth::default_sources(options)));
  client->manifest(demo(registry.host()), {});

  base::write_file_atomically(users, R"({"bob": "two"})");
  base::write_file_atomically(config, config_for(registry.host(), "bob", "two"));

  EXPECT_NO_THROW(client->manifest(demo(registry.host()), {}));
}

TEST(RegistryLogin, Case053FetchesANewTokenWhenOneDiesEarly) {
  const FaultRegistry registry(
      guarded(with(kPassword, {"--token-auth", "--token-lifetime", "0.3"})));
  put_image(registry, "layer");
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));
  client->manifest(demo(registry.host()), {});

  std::this_thread::sleep_for(std::chrono::milliseconds(400));

  EXPECT_NO_THROW(client->manifest(demo(registry.host()), {}));
  EXPECT_EQ(login_count(registry), 2U);
}

TEST(RegistryLogin, Case021ExchangesAnIdentityTokenByPost) {
  const FaultRegistry registry(
      guarded(with(kPassword, {"--token-auth", "--identity-token", "canary+refresh/token="})));
  put_image(registry, "layer");
  const auto config =
      json{{"auths", {{registry.host(), {{"identitytoken", "canary+refresh/token="}}}}}}.dump();

  EXPECT_NO_THROW(client_with(keychain_of(config))->manifest(demo(registry.host()), {}));
  EXPECT_EQ(registry.count("POST", "/token"), 1U);
}

TEST(RegistryLogin, Case021FallsBackToGetWhereThereIsNoOauth) {
  const FaultRegistry registry(guarded(with(kPassword, {"--token-auth"})));
  put_image(registry, "layer");
  const auto config =
      json{{"auths", {{registry.host(), {{"username", "bob"}, {"identitytoken", "canary-pass"}}}}}}
          .dump();

  EXPECT_NO_THROW(client_with(keychain_of(config))->manifest(demo(registry.host()), {}));
  EXPECT_EQ(registry.count("POST", "/token"), 1U);
  EXPECT_EQ(login_count(registry), 1U);
}

TEST(RegistryLogin, Case022SendsARegistryTokenAsItIs) {
  const FaultRegistry registry(guarded(with(kPassword, {"--token-auth"})));
  const auto config =
      json{{"auths", {{registry.host(), {{"registrytoken", "canary-bearer"}}}}}}.dump();

  error_of([&] { client_with(keychain_of(config))->manifest(demo(registry.host()), {}); });

  const auto requests = registry.requests();
  const bool sent = std::any_of(requests.begin(), requests.end(), [](const json& request) {
    return request.at("headers").value("Authorization", "") == "Bearer canary-bearer";
  });
  EXPECT_TRUE(sent);
  EXPECT_EQ(login_count(registry), 0U);
}

TEST(RegistryLogin, Case044DoesNotAskForATokenAtALinkLocalAddress) {
  const FaultRegistry registry(guarded(
      {}, json::array({{{"path", "^/v2/"},
                        {"times", -1},
                        {"status", 401},
                        {"headers",
                         {{"WWW-Authenticate",
                           R"(Bearer realm="http://169.254.169.254/token",service="x")"}}}}})));
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

  const auto error = error_of([&] { client->manifest(demo(registry.host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().what, HasSubstr("169.254.169.254"));
  EXPECT_THAT(base::render(error), Not(HasSubstr("canary")));
}

TEST(RegistryLogin, Case047WidensTheScopeWhenTheRegistryAsksForMore) {
  const FaultRegistry registry(
      guarded(with(kPassword, {"--token-auth"}),
              json::array({{{"path", "/manifests/"},
                            {"times", 1},
                            {"status", 401},
                            {"headers",
                             {{"WWW-Authenticate",
                               "Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"fault\","
                               "scope=\"repository:team/base:pull\""}}}}})));
  put_image(registry, "layer");
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

  EXPECT_NO_THROW(client->manifest(demo(registry.host()), {}));
  EXPECT_EQ(registry.count("GET", "scope=repository%3Ateam%2Fbase%3Apull"), 1U);
}

TEST(RegistryLogin, Case045ATokenServerMayNotSendUsIntoTheLocalNetwork) {
  for (const char* target : {"http://169.254.169.254/token", "http://[::ffff:169.254.169.254]/t"}) {
    const FaultRegistry registry(
        guarded(with(kPassword, {"--token-auth"}),
                json::array({{{"path", "^/token"}, {"times", -1}, {"redirect", target}}})));
    const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

    const auto error = error_of([&] { client->manifest(demo(registry.host()), {}); });

    EXPECT_EQ(error.code(), base::ErrorCode::kRegistry) << target;
    EXPECT_THAT(base::render(error), AllOf(HasSubstr("169.254.169.254"), Not(HasSubstr("canary"))));
  }
}

TEST(RegistryLogin, Case046AChallengeOfAnotherHostGetsNeitherTokenNorPassword) {
  const FaultRegistry registry(guarded(
      with(kPassword, {"--token-auth"}),
      json::array(
          {{{"path", "/v2/team/demo/blobs/"},
            {"times", -1},
            {"redirect", "http://127.0.0.1:{storage_port}/there"}},
           {{"server", "storage"},
            {"times", -1},
            {"status", 401},
            {"headers",
             {{"WWW-Authenticate",
               "Bearer realm=\"http://127.0.0.1:{storage_port}/token\",service=\"x\""}}}}})));
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));
  StringSink sink;

  const auto error = error_of(
      [&] { client->fetch_blob(demo(registry.host()), descriptor_of("layer"), sink, {}); });

  EXPECT_THAT(error.facts().why, HasSubstr("401"));
  std::size_t asked_there = 0;
  for (const auto& request : registry.requests()) {
    if (request.at("server") != "storage") continue;
    ++asked_there;
    EXPECT_FALSE(request.at("headers").contains("Authorization"));
  }
  EXPECT_EQ(asked_there, 1U);
}

TEST(RegistryLogin, Case051ARelativeRealmIsBelowTheRegistry) {
  const FaultRegistry registry(guarded(
      with(kPassword, {"--token-auth"}),
      json::array(
          {{{"path", "^/v2/$"},
            {"status", 401},
            {"headers", {{"WWW-Authenticate", R"(Bearer realm="/token",service="fault")"}}}}})));
  put_image(registry, "layer");
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));

  EXPECT_NO_THROW(client->manifest(demo(registry.host()), {}));
  EXPECT_GE(login_count(registry), 1U);
}

TEST(RegistryLogin, Case052ATokenThatIsTooLargeOrNoneIsAnErrorThatShowsTheAnswer) {
  const FaultRegistry large(
      guarded(with(kPassword, {"--token-auth"}),
              json::array({{{"path", "^/token"}, {"times", -1}, {"extra", 2 << 20}}})));
  const FaultRegistry page(
      guarded(with(kPassword, {"--token-auth"}), json::array({{{"path", "^/token"},
                                                               {"times", -1},
                                                               {"status", 410},
                                                               {"body", "<html>moved</html>"}}})));
  const auto error_at = [](const FaultRegistry& registry) {
    const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));
    return error_of([&] { client->manifest(demo(registry.host()), {}); });
  };

  EXPECT_EQ(error_at(large).code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error_at(page).facts().why, HasSubstr("410 <html>moved</html>"));
}

TEST(RegistryLogin, Case054ALayerThatOutlivesItsTokenIsResumedUnderANewOne) {
  const auto layer = noise(3U << 20);
  const FaultRegistry registry(guarded(
      with(kPassword, {"--token-auth", "--token-lifetime", "1"}),
      json::array(
          {{{"method", "GET"}, {"path", "/blobs/"}, {"rate", 1 << 20}, {"cut", 2 << 20}}})));
  put_image(registry, layer);
  const auto client = client_with(keychain_of(config_for(registry.host(), "bob", "canary-pass")));
  StringSink sink;

  client->fetch_blob(demo(registry.host()), descriptor_of(layer), sink, {});

  EXPECT_EQ(sink.bytes, layer);
  const auto requests = registry.requests();
  const auto& last = requests.back().at("headers");
  EXPECT_EQ(last.at("Range"), "bytes=2097152-");
  std::set<std::string> tokens;
  for (const auto& request : requests) {
    const auto header = request.at("headers").value("Authorization", "");
    if (header.starts_with("Bearer ")) tokens.insert(header);
  }
  EXPECT_EQ(tokens.size(), 2U);
}
