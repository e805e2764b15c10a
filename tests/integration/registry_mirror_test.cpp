// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <sstream>

#include "base/base64.hpp"
#include "base/files.hpp"
#include "oci/mirrored_registry.hpp"
#include "orchestrator/run.hpp"
#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

/// The program in memory, with a home folder of its own.
class Mirrors : public testing::Test {
 protected:
  struct Result {
    int status = 0;
    std::string out;
    std::string err;
  };

  Result run(std::vector<std::string> arguments) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    variables_["HOME"] = folder_.path().string();
    orchestrator::Environment environment{in, out, err, variables_, folder_.path() / "none"};
    arguments.insert(arguments.end(), {"--store", path("store")});
    const int status = orchestrator::run(arguments, environment);
    return {.status = status, .out = out.str(), .err = err.str()};
  }
  /// Pulls with an empty store.
  Result pull(const std::string& name, std::vector<std::string> arguments = {}) {
    std::filesystem::remove_all(path("store"));
    arguments.insert(arguments.begin(), {"pull", name});
    return run(std::move(arguments));
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto file = folder_.path() / name;
    base::make_directories(file.parent_path());
    base::write_file_atomically(file, text, 0600);
    return file.string();
  }
  void configure(const std::string& text) { write(".config/containers/registries.conf", text); }
  /// A [[registry]] at `location` with these mirrors.
  static std::string registry_at(const std::string& location,
                                 const std::vector<std::string>& mirrors,
                                 const std::string& more = "") {
    auto text = fmt::format("[[registry]]\nprefix = \"reg.invalid\"\nlocation = \"{}\"\n{}\n",
                            location, more);
    for (const auto& mirror : mirrors) {
      text += fmt::format("[[registry.mirror]]\nlocation = \"{}\"\n", mirror);
    }
    return text;
  }
  void trust(const std::string& host) {
    const auto own = folder_.path() / ".config/containers/certs.d" / host;
    base::make_directories(own);
    std::filesystem::copy(certificates().ca_dir / "ca.crt", own / "ca.crt");
  }
  void give_client_certificate(const std::string& host) {
    const auto own = folder_.path() / ".config/containers/certs.d" / host;
    std::filesystem::copy(certificates().client_certificate, own / "client.cert");
    std::filesystem::copy(certificates().client_key, own / "client.key");
  }
  const TestCertificates& certificates() {
    if (!certificates_) certificates_.emplace(folder_.path() / "pki");
    return *certificates_;
  }
  FaultRegistryOptions with_tls(std::vector<std::string> arguments = {}) {
    return {.script = json::array(),
            .arguments = std::move(arguments),
            .certificates = &certificates()};
  }
  std::string path(const char* name) { return (folder_.path() / name).string(); }

  base::TempDir folder_{base::temp_root(), "mirrors"};
  base::Environment variables_;
  std::optional<TestCertificates> certificates_;
};

const std::string kImage = "reg.invalid/team/demo:1";

FaultRegistryOptions guarded(const std::string& user, const std::string& password) {
  return {.script = json::array(),
          .arguments = {"--user", user, "--password", password},
          .certificates = nullptr};
}

FaultRegistryOptions scripted(json script) {
  return {.script = std::move(script), .arguments = {}, .certificates = nullptr};
}

/// The different Authorization headers a registry was sent.
std::set<std::string> logins(const FaultRegistry& registry) {
  std::set<std::string> found;
  for (const auto& request : registry.requests()) {
    const auto& headers = request.at("headers");
    if (headers.contains("Authorization")) found.insert(headers.at("Authorization"));
  }
  return found;
}

std::string basic(const std::string& user_and_password) {
  return "Basic " + base::base64_encode(user_and_password);
}

}  // namespace

TEST_F(Mirrors, Case089AMirrorWithAllOfItIsEnoughAndTheStoreAfterIt) {
  const FaultRegistry upstream({});
  const FaultRegistry mirror({});
  put_image(mirror, "layer");
  configure(registry_at(upstream.host(), {mirror.host()}));

  const auto first = pull(kImage);
  const auto asked = mirror.requests().size();
  const auto again = run({"pull", kImage, "--offline"});

  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(first.out, HasSubstr("reg.invalid/team/demo@sha256:"));
  EXPECT_THAT(first.err, HasSubstr("reg.invalid/team/demo comes from " + mirror.host()));
  EXPECT_TRUE(upstream.requests().empty());
  EXPECT_EQ(mirror.requests().size(), asked);
}

TEST_F(Mirrors, Case062EachPlaceGetsItsOwnCredentialsAndNoOthers) {
  const FaultRegistry upstream(guarded("bob", "canary-pass"));
  const FaultRegistry mirror(guarded("mia", "canary-mirror"));
  put_image(upstream, "layer");
  put_image(mirror, "layer");
  configure(registry_at(upstream.host(), {mirror.host()}));
  const auto both = write(
      "both.json", json{{"auths",
                         {{upstream.host(), {{"auth", base::base64_encode("bob:canary-pass")}}},
                          {mirror.host(), {{"auth", base::base64_encode("mia:canary-mirror")}}}}}}
                       .dump());
  const auto one = write("one.json", config_for(upstream.host(), "bob", "canary-pass"));

  const auto from_mirror = pull(kImage, {"--credentials", both});
  const auto upstream_asked = upstream.requests().size();
  const auto mirror_logins = logins(mirror);
  const auto from_upstream = pull(kImage, {"--credentials", one});

  EXPECT_EQ(from_mirror.status, 0) << from_mirror.err;
  EXPECT_EQ(upstream_asked, 0U);
  EXPECT_THAT(mirror_logins, testing::ElementsAre(basic("mia:canary-mirror")));
  EXPECT_EQ(from_upstream.status, 0) << from_upstream.err;
  EXPECT_EQ(logins(mirror), mirror_logins) << "the registry's password is not for its mirror";
  EXPECT_THAT(logins(upstream), testing::ElementsAre(basic("bob:canary-pass")));
  EXPECT_THAT(from_upstream.err, AllOf(HasSubstr("the mirror " + mirror.host()), HasSubstr("401"),
                                       Not(HasSubstr("canary"))));
}

TEST_F(Mirrors, Case063FailingMirrorsArePassedOverAndNamed) {
  const FaultRegistry upstream({});
  const FaultRegistry lacking({});
  const FaultRegistry broken(scripted({{{"path", "/manifests/"}, {"status", 503}, {"times", -1}}}));
  const FaultRegistry lying(
      scripted({{{"path", "/blobs/"}, {"flip", true}, {"times", -1}},
                {{"path", "/manifests/1"}, {"method", "GET"}, {"flip", true}, {"times", -1}}}));
  const FaultRegistry cutting(
      scripted({{{"path", "/blobs/"}, {"cut", 3}, {"times", -1}, {"ignore_range", true}}}));
  put_image(upstream, "a layer that is a bit longer");
  put_image(lying, "a layer that is a bit longer");
  put_image(cutting, "a layer that is a bit longer");
  configure(registry_at(upstream.host(), {"127.0.0.1:1", lacking.host(), broken.host(),
                                          lying.host(), cutting.host()}));

  const auto result = pull(kImage);

  EXPECT_EQ(result.status, 0) << result.err;
  for (const auto& host :
       {std::string("127.0.0.1:1"), broken.host(), lying.host(), cutting.host()}) {
    EXPECT_THAT(result.err, HasSubstr("the mirror " + host)) << host;
  }
  EXPECT_THAT(result.err, Not(HasSubstr("the mirror " + lacking.host())));
  EXPECT_EQ(broken.count("HEAD", "/manifests/"), 2U) << "a mirror is not waited for long";
  EXPECT_EQ(broken.count("GET", "/blobs/"), 0U) << "nor asked again";
  EXPECT_EQ(lacking.count("GET", "/blobs/"), 2U) << "it may have the blobs";
  EXPECT_EQ(upstream.count("GET", "/blobs/"), 2U);
}

TEST_F(Mirrors, Case057AMirrorThatIsNotTrustedIsPassedOverAndTheErrorNamesAll) {
  const FaultRegistry untrusted(with_tls());
  const FaultRegistry mirror({});
  put_image(untrusted, "layer");
  put_image(mirror, "layer");
  configure(registry_at("127.0.0.1:1", {untrusted.host(), mirror.host()}));

  const auto taken = pull(kImage);
  const auto failed = pull("reg.invalid/team/none:1");

  EXPECT_EQ(taken.status, 0) << taken.err;
  EXPECT_THAT(taken.err, HasSubstr("the mirror " + untrusted.host()));
  EXPECT_TRUE(untrusted.requests().empty());
  EXPECT_EQ(failed.status, 4);
  EXPECT_THAT(
      failed.err,
      AllOf(HasSubstr("cannot pull reg.invalid/team/none:1"), HasSubstr(untrusted.host() + ": "),
            HasSubstr(mirror.host() + ": GET "), HasSubstr("404"), HasSubstr("127.0.0.1:1: ")));
}

TEST_F(Mirrors, Case060InsecureIsForTheRegistryOrTheMirrorThatSaysSo) {
  const FaultRegistry upstream(with_tls());
  const FaultRegistry mirror(with_tls());
  put_image(upstream, "layer");
  put_image(mirror, "layer");

  configure(registry_at(upstream.host(), {mirror.host()}, "insecure = true"));
  const auto of_registry = pull(kImage);
  const auto mirror_asked = mirror.requests().size();
  configure(registry_at(upstream.host(), {mirror.host()}) + "insecure = true\n");
  const auto upstream_asked = upstream.requests().size();
  const auto of_mirror = pull(kImage);

  EXPECT_EQ(of_registry.status, 0) << of_registry.err;
  EXPECT_THAT(of_registry.err, HasSubstr("the mirror " + mirror.host()));
  EXPECT_EQ(mirror_asked, 0U) << "an insecure registry does not make its mirror insecure";
  EXPECT_EQ(of_mirror.status, 0) << of_mirror.err;
  EXPECT_GT(mirror.requests().size(), 0U);
  EXPECT_EQ(upstream.requests().size(), upstream_asked);
}

TEST_F(Mirrors, Case058APrivateCaIsForPullsTokensPushesAndMirrors) {
  const std::vector<std::string> login = {"--user", "bob", "--password", "canary-pass",
                                          "--token-auth"};
  const FaultRegistry upstream(with_tls(login));
  const FaultRegistry mirror(with_tls(login));
  put_image(mirror, "layer");
  configure(registry_at(upstream.host(), {mirror.host()}));
  const auto auth = base::base64_encode("bob:canary-pass");
  const auto file = write(
      "c.json",
      json{{"auths", {{upstream.host(), {{"auth", auth}}}, {mirror.host(), {{"auth", auth}}}}}}
          .dump());
  const auto ca_dir = certificates().ca_dir;
  const auto check = [&](const std::string& how, std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--credentials", file});
    const auto pulled = pull(kImage, flags);
    EXPECT_EQ(pulled.status, 0) << how << ": " << pulled.err;
    EXPECT_THAT(pulled.err, HasSubstr("comes from " + mirror.host())) << how;
    std::vector<std::string> push = {"push", kImage, upstream.host() + "/team/copy:" + how};
    push.insert(push.end(), flags.begin(), flags.end());
    const auto pushed = run(push);
    EXPECT_EQ(pushed.status, 0) << how << ": " << pushed.err;
  };

  EXPECT_EQ(pull(kImage, {"--credentials", file}).status, 4) << "nobody is trusted yet";
  check("flag", {"--ca-dir", ca_dir.string()});
  variables_["SSL_CERT_FILE"] = (ca_dir / "ca.crt").string();
  check("variable", {});
  variables_.clear();
  trust(upstream.host());
  trust(mirror.host());
  check("folder", {});

  EXPECT_EQ(upstream.count("PUT", "/team/copy/manifests/"), 3U);
  EXPECT_EQ(mirror.count("PUT", ""), 0U);
  EXPECT_GE(upstream.count("GET", "/token"), 3U);
  EXPECT_GE(mirror.count("GET", "/token"), 3U);
}

TEST_F(Mirrors, Case059AClientCertificateOpensItsHostAndHalfOfOneIsAnError) {
  if (!DockerRegistry::is_installed()) GTEST_SKIP() << "docker-registry is not installed";
  const DockerRegistry registry(certificates(), {.wants_client_certificate = true, .cache_of = ""});
  const FaultRegistry source({});
  put_image(source, "layer");
  trust(registry.host());
  const auto file = write("c.json", config_for(registry.host(), "bob", "canary-pass"));
  const auto push = [&] {
    return run({"push", demo(source.host()).text(), registry.host() + "/team/demo:1",
                "--credentials", file});
  };

  const auto without = push();
  give_client_certificate(registry.host());
  const auto with = push();
  configure(registry_at("127.0.0.1:1", {registry.host()}));
  const auto pulled = pull(kImage, {"--credentials", file});
  const auto key = folder_.path() / ".config/containers/certs.d" / registry.host() / "client.key";
  std::filesystem::remove(key);
  const auto half = pull(kImage, {"--credentials", file});

  EXPECT_EQ(without.status, 4) << without.err;
  EXPECT_EQ(with.status, 0) << with.err;
  EXPECT_EQ(pulled.status, 0) << pulled.err;
  EXPECT_EQ(half.status, 2);
  EXPECT_THAT(half.err, AllOf(HasSubstr("client.cert"), HasSubstr("client.key")));
}

TEST_F(Mirrors, ARealPullThroughCacheAsksForUs) {
  if (!DockerRegistry::is_installed()) GTEST_SKIP() << "docker-registry is not installed";
  const FaultRegistry upstream({});
  put_image(upstream, noise(300000));
  const DockerRegistry cache(
      certificates(), {.wants_client_certificate = false, .cache_of = "http://" + upstream.host()});
  const auto file = write("c.json", config_for(cache.host(), "bob", "canary-pass"));
  const std::vector<std::string> flags = {
      "--credentials",     file,
      "--ca-dir",          certificates().ca_dir.string(),
      "--registry-mirror", upstream.host() + "=https://" + cache.host()};

  const auto result = pull(demo(upstream.host()).text(), flags);

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("comes from " + cache.host()));
  EXPECT_GE(upstream.count("GET", "/blobs/"), 2U);
  for (const auto& request : upstream.requests()) {
    EXPECT_THAT(request.at("headers").at("User-Agent").get<std::string>(),
                Not(HasSubstr("osartifact")))
        << "only the cache asks the registry";
  }
}

TEST_F(Mirrors, TheFlagTakesSeveralAndAnHttpMirrorIsNeverAskedOverTls) {
  const FaultRegistry tls(with_tls());
  const FaultRegistry second({});
  put_image(tls, "layer");
  put_image(second, "layer");
  const auto flag =
      fmt::format("reg.invalid=http://{0}, reg.invalid=http://{1}", tls.host(), second.host());

  const auto result =
      pull(kImage, {"--registry-mirror", flag, "--ca-dir", certificates().ca_dir.string()});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(tls.requests().empty()) << "it would have been trusted";
  EXPECT_GT(second.requests().size(), 0U);
}

TEST_F(Mirrors, Case063AMirrorThatStandsStillIsPassedOver) {
  const FaultRegistry upstream({});
  const FaultRegistry silent(scripted({{{"path", "/v2/$"}, {"stall", 20}, {"times", -1}}}));
  put_image(upstream, "layer");
  oci::RegistryRules rules;
  oci::add_mirror_flag(upstream.host() + "=http://" + silent.host(), rules);
  oci::RegistryClientOptions impatient{.retry = quick_retries()};
  impatient.retry.tries = 1;
  impatient.longest_stall = std::chrono::seconds(1);
  ClientOptions options;
  options.registry = impatient;
  const auto registry = oci::make_mirrored_registry(rules, make_client(), make_client(options),
                                                    std::make_shared<spdlog::logger>("test"));
  const auto start = std::chrono::steady_clock::now();

  const auto document = registry->manifest(demo(upstream.host()), {});

  EXPECT_FALSE(document.bytes.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(upstream.count("GET", "/manifests/"), 1U);
}

TEST_F(Mirrors, ABlockedNameAndABrokenFileAskNobody) {
  const FaultRegistry mirror({});
  put_image(mirror, "layer");
  configure(registry_at(mirror.host(), {mirror.host()}, "blocked = true"));
  const auto blocked = pull(kImage);
  configure("[registries.search]\nregistries = ['docker.io']\n");
  const auto old_format = pull(demo(mirror.host()).text());

  EXPECT_EQ(blocked.status, 2);
  EXPECT_THAT(blocked.err, AllOf(HasSubstr("blocked"), HasSubstr("registries.conf:1")));
  EXPECT_EQ(old_format.status, 2);
  EXPECT_THAT(old_format.err, HasSubstr("[[registry]]"));
  EXPECT_TRUE(mirror.requests().empty());
}

TEST_F(Mirrors, AuthCheckAsksEveryPlaceWithItsOwnCredentials) {
  const FaultRegistry upstream(guarded("bob", "canary-pass"));
  const FaultRegistry mirror(guarded("mia", "canary-mirror"));
  put_image(upstream, "layer");
  put_image(mirror, "layer");
  configure(registry_at(upstream.host(), {mirror.host(), "127.0.0.1:1"}));
  const auto one = write("one.json", config_for(upstream.host(), "bob", "canary-pass"));
  const auto other = write("other.json", config_for(mirror.host(), "mia", "canary-mirror"));

  const auto by_registry = run({"auth", "check", kImage, "--credentials", one});
  const auto by_mirror = run({"auth", "check", kImage, "--credentials", other});
  const auto nowhere = run({"auth", "check", kImage});

  EXPECT_EQ(by_registry.status, 0) << by_registry.err;
  EXPECT_THAT(
      by_registry.out,
      AllOf(HasSubstr("place       " + mirror.host() + "/team/demo: a mirror ("),
            HasSubstr("registries.conf:5)"), HasSubstr("pull        refused"),
            HasSubstr("place       127.0.0.1:1/team/demo: a mirror ("),
            HasSubstr("pull        unknown"),
            HasSubstr("place       " + upstream.host() + "/team/demo: where the registry is"),
            HasSubstr("used        user 'bob'"), Not(HasSubstr("canary"))));
  EXPECT_EQ(by_mirror.status, 0) << "a mirror that takes us is enough for a pull";
  EXPECT_THAT(by_mirror.out, HasSubstr("used        user 'mia'"));
  EXPECT_EQ(nowhere.status, 3);
}

TEST_F(Mirrors, Case058AVolumeOfCasIsForEveryPlaceAndAPlanNamesThem) {
  const FaultRegistry upstream(with_tls());
  const FaultRegistry mirror(with_tls());
  put_image(mirror, "layer");
  configure(registry_at(upstream.host(), {mirror.host()}));
  const auto manifest = write("demo.yaml", fmt::format(R"(apiVersion: build.kairos.io/v1alpha2
kind: OSArtifact
metadata: {{name: demo}}
spec:
  image: {{ref: "{}", caCertificatesVolume: cas}}
  artifacts: {{iso: true}}
  volumes: [{{name: cas, hostPath: {{path: {}}}}}]
)",
                                                       kImage, certificates().ca_dir.string()));

  const auto text = run({"plan", manifest});
  const auto as_json = run({"plan", manifest, "--format", "json"});

  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(
      text.out,
      AllOf(HasSubstr("  asks        " + mirror.host() + "/team/demo: a mirror ("),
            HasSubstr("  asks        " + upstream.host() + "/team/demo: where the registry is (")));
  const auto places = json::parse(as_json.out).at("artifacts").at(0).at("places");
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].at("name"), mirror.host() + "/team/demo");
  EXPECT_TRUE(places[0].at("mirror").get<bool>());
}
