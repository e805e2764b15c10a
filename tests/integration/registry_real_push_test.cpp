// SPDX-License-Identifier: Apache-2.0
// Pushes to a real docker-registry: many at once, indexes, mounts that its token server denies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "base/files.hpp"
#include "oci/image_files.hpp"
#include "oci/layout_index.hpp"
#include "oci/pull_all.hpp"
#include "oci/push.hpp"
#include "orchestrator/run.hpp"
#include "registry_fixture.hpp"
#include "tests/support/made_image.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

/// docker-registry behind tests/support/token_registry.py; user "bob", password "canary-pass".
class TokenRegistry {
 public:
  TokenRegistry(const TestCertificates& certificates, const std::vector<std::string>& more) {
    const auto port_file = folder_.path() / "port";
    base::Command command{
        .program = "python3",
        .arguments = {TOKEN_REGISTRY_SCRIPT, "--dir", folder_.path().string(), "--port-file",
                      port_file.string(), "--tls", certificates.certificate.string(),
                      certificates.key.string(), "--ca", (certificates.ca_dir / "ca.crt").string(),
                      "--user", "bob", "--password", "canary-pass"},
        .environment = {},
        .working_directory = {},
        .input = {}};
    command.arguments.insert(command.arguments.end(), more.begin(), more.end());
    process_.emplace(std::move(command));
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!fs::exists(port_file) && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto text = base::read_file_if_exists(port_file, 4096);
    if (!text) throw std::runtime_error("it did not start: " + process_->output());
    host_ = fmt::format("localhost:{}", json::parse(*text).at("port").get<int>());
  }
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::string tokens() const {
    return base::read_file(folder_.path() / "tokens.jsonl", 1U << 20);
  }

 private:
  base::TempDir folder_{base::temp_root(), "token-registry"};
  std::string host_;
  std::optional<BackgroundProcess> process_;
};

/// The program in memory.
struct Program {
  int run(const std::vector<std::string>& arguments) {
    std::istringstream in;
    std::ostringstream output;
    std::ostringstream errors;
    base::Environment variables;
    const base::TempDir folder(base::temp_root(), "program");
    orchestrator::Environment environment{in, output, errors, variables, folder.path() / "log"};
    const int status = orchestrator::run(arguments, environment);
    out = output.str();
    err = errors.str();
    return status;
  }
  std::string out;
  std::string err;
};

class RealPush : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerRegistry::is_installed()) GTEST_SKIP() << "docker-registry is not installed";
    certificates_.emplace(folder_.path());
  }
  std::unique_ptr<oci::Registry> client(const std::string& host) {
    base::HttpClientOptions http;
    http.trust.ca_dirs = {certificates_->ca_dir};
    return make_client(
        {.keychain = keychain_of(config_for(host, "bob", "canary-pass")), .http = http});
  }
  tests::MadeImage image(const std::string& name) {
    return tests::make_image(store_, {noise(3U << 20), name + noise(2U << 20)});
  }
  static oci::Reference at(const std::string& host, const std::string& name) {
    return oci::Reference::parse(host + "/" + name);
  }
  void push_to_read_protected(const std::vector<std::string>& denial);

  base::TempDir folder_{base::temp_root(), "real-push"};
  oci::Store store_{folder_.path() / "store"};
  std::optional<TestCertificates> certificates_;
};

void RealPush::push_to_read_protected(const std::vector<std::string>& denial) {
  const TokenRegistry registry(*certificates_, denial);
  const auto made = image("a");
  const auto source = at(registry.host(), "team/protected:1");
  const auto target = at(registry.host(), "team/demo:1");
  const auto client = this->client(registry.host());

  const auto result = oci::push_image(*client, store_, made.descriptor, target,
                                      {.mount_from = source.repository, .parallel = 2}, {}, {});

  EXPECT_EQ(result.sent_blobs, 3U);
  EXPECT_THAT(registry.tokens(), HasSubstr("team/protected"));
  EXPECT_EQ(client->resolve(target, {}).digest, made.descriptor.digest);
}

}  // namespace

TEST_F(RealPush, ManyPushersOfOneImageAllSucceed) {
  const DockerRegistry registry(*certificates_);
  const auto made = image("a");
  const auto target = demo(registry.host());
  std::vector<std::string> failures(6);
  {
    std::vector<std::jthread> pushers;
    for (auto& failure : failures) {
      pushers.emplace_back([&] {
        try {
          oci::push_image(*client(registry.host()), store_, made.descriptor, target,
                          {.mount_from = "", .parallel = 3}, {}, {});
        } catch (const base::Error& error) {
          failure = base::render(error);
        }
      });
    }
  }

  EXPECT_THAT(failures, testing::Each(""));
  oci::Store other(folder_.path() / "other");
  const auto client = this->client(registry.host());
  const auto pulled = oci::pull_all(*client, other, target, 2, {}, {});
  EXPECT_EQ(pulled.top.digest, made.descriptor.digest);
  EXPECT_TRUE(other.verify({}).empty());
}

TEST_F(RealPush, Case262AnIndexGoesThereAndComesBackWhole) {
  const DockerRegistry registry(*certificates_);
  const auto top = tests::make_index(
      store_, {{"amd64", image("a").descriptor}, {"arm64", image("b").descriptor}});
  const auto target = demo(registry.host());
  const auto client = this->client(registry.host());

  const auto first = oci::push_image(*client, store_, top, target, {}, {}, {});
  const auto second = oci::push_image(*client, store_, top, target, {}, {}, {});

  EXPECT_EQ(first.sent_blobs, 5U) << "three layers, two configs";
  EXPECT_EQ(second.sent_blobs, 0U);
  oci::Store other(folder_.path() / "other");
  EXPECT_EQ(oci::pull_all(*client, other, target, 2, {}, {}).top.digest, top.digest);
}

TEST_F(RealPush, Case260ReferrersAreListedOnceEach) {
  const DockerRegistry registry(*certificates_);
  const auto made = image("a");
  const auto target = demo(registry.host());
  oci::push_image(*client(registry.host()), store_, made.descriptor, target, {}, {}, {});
  const auto push_referrer = [&](const std::string& name) {
    const auto text = json{{"schemaVersion", 2},
                           {"mediaType", oci::media_type::kOciManifest},
                           {"artifactType", "application/x-" + name},
                           {"config", oci::to_json(made.manifest.config)},
                           {"layers", json::array()},
                           {"subject", oci::to_json(made.descriptor)}}
                          .dump();
    auto named = target;
    named.digest = oci::Digest::of(text);
    client(registry.host())
        ->push_manifest(named, std::string(oci::media_type::kOciManifest), text, {});
  };

  push_referrer("one");
  push_referrer("one");
  push_referrer("two");

  auto list = target;
  list.tag = "sha256-" + std::string(made.descriptor.digest.hex());
  const auto document = json::parse(client(registry.host())->manifest(list, {}).bytes);
  EXPECT_EQ(document.at("manifests").size(), 2U) << document;
}

TEST_F(RealPush, Case055Case254MountsWhereTheTokenServerGrantsTheSource) {
  const TokenRegistry registry(*certificates_, {});
  const auto made = image("a");
  const auto source = at(registry.host(), "team/base:1");
  const auto client = this->client(registry.host());
  oci::push_image(*client, store_, made.descriptor, source, {}, {}, {});

  const auto result =
      oci::push_image(*client, store_, made.descriptor, at(registry.host(), "team/demo:1"),
                      {.mount_from = source.repository, .parallel = 2}, {}, {});

  EXPECT_EQ(result.sent_blobs, 0U);
  EXPECT_EQ(result.present_blobs, 3U);
}

TEST_F(RealPush, Case254UploadsWhereTheTokenComesWithoutTheSource) {
  push_to_read_protected({"--deny", "team/protected"});
}

TEST_F(RealPush, Case254UploadsWhereTheTokenServerRefusesForTheSource) {
  push_to_read_protected({"--deny", "team/protected", "--denial", "error"});
}

TEST_F(RealPush, TheProgramPushesAndPullsAllOfALayout) {
  const DockerRegistry registry(*certificates_);
  const auto top = tests::make_index(
      store_, {{"amd64", image("a").descriptor}, {"arm64", image("b").descriptor}});
  const auto layout = "oci:" + (folder_.path() / "layout").string();
  oci::export_image(store_, top, *oci::ImageLocation::parse(layout + ":multi"), {});
  base::write_file_atomically(folder_.path() / "config.json",
                              config_for(registry.host(), "bob", "canary-pass"), 0600);
  const auto run = [&](std::vector<std::string> arguments, const std::string& store) {
    for (const auto& word :
         {std::string("--store"), (folder_.path() / store).string(), std::string("--ca-dir"),
          certificates_->ca_dir.string(), std::string("--credentials"),
          (folder_.path() / "config.json").string()}) {
      arguments.push_back(word);
    }
    Program program;
    EXPECT_EQ(program.run(arguments), 0) << program.err;
    return program.out;
  };
  const auto reference = registry.host() + "/team/demo:1";
  const auto copy = "oci:" + (folder_.path() / "copy").string() + ":again";

  const auto pushed = run({"push", "--all", layout + ":multi", reference}, "store-1");
  const auto pulled = run({"pull", "--all", reference, "--to", copy}, "store-2");
  const auto again =
      run({"push", "--all", reference, registry.host() + "/team/again:1"}, "store-4");
  run({"push", "--arch", "arm64", layout + ":multi", registry.host() + "/team/arm:1"}, "store-3");

  EXPECT_EQ(pushed, registry.host() + "/team/demo@" + top.digest.text() + "\n");
  EXPECT_EQ(pulled, pushed);
  EXPECT_EQ(again, registry.host() + "/team/again@" + top.digest.text() + "\n");
  oci::Store other(folder_.path() / "other");
  EXPECT_EQ(oci::import_all(other, *oci::ImageLocation::parse(copy), {}).digest, top.digest);
  EXPECT_EQ(client(registry.host())->resolve(at(registry.host(), "team/arm:1"), {}).digest,
            image("b").descriptor.digest);
}

TEST(PushCommand, Case264PreserveDigestsRefusesWhatHasNoManifestToPreserve) {
  const base::TempDir folder(base::temp_root(), "push-command");
  oci::Store store(folder.path() / "store");
  const auto made = tests::make_image(store, {noise(1000)});
  const auto archive = "docker-archive:" + (folder.path() / "image.tar").string();
  oci::export_image(store, made.descriptor, *oci::ImageLocation::parse(archive), {});
  Program program;

  const int status = program.run({"push", "--preserve-digests", archive, "localhost:1/a/b:1",
                                  "--store", (folder.path() / "store").string()});

  EXPECT_EQ(status, 2);
  EXPECT_THAT(program.err, HasSubstr("cannot preserve the digests"));
}

TEST(PullCommand, TakesReferencesOnly) {
  const base::TempDir folder(base::temp_root(), "pull-command");
  Program program;

  EXPECT_EQ(program.run({"pull", "oci:/nowhere", "--store", (folder.path() / "store").string()}),
            2);
  EXPECT_THAT(program.err, HasSubstr("names files"));
}
