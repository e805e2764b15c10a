// SPDX-License-Identifier: Apache-2.0
// Whole images between a registry that misbehaves and a store.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/files.hpp"
#include "oci/pull.hpp"
#include "oci/pull_along.hpp"
#include "oci/push.hpp"
#include "oci/store.hpp"
#include "registry_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

constexpr std::size_t kMiB = 1U << 20;
const oci::Platform kAmd64 = oci::Platform::parse("linux/amd64");

json layer_rule(json actions, std::string_view layer) {
  actions["method"] = "GET";
  actions["path"] = "/blobs/" + oci::Digest::of(layer).text();
  return actions;
}

FaultRegistryOptions scripted(json script, std::vector<std::string> arguments = {}) {
  return {.script = std::move(script), .arguments = std::move(arguments), .certificates = nullptr};
}

/// A store and what a command does with it.
struct Local {
  oci::PullResult pull(oci::Registry& client, const std::string& host, unsigned parallel = 2) {
    const auto image = oci::resolve_image(client, store, demo(host), kAmd64, {});
    resolved = image.descriptor;
    return oci::pull_image(client, store, demo(host), image, kAmd64, parallel, {}, {});
  }
  [[nodiscard]] bool has(std::string_view bytes) const {
    return fs::exists(store.blob_path(oci::Digest::of(bytes)));
  }
  [[nodiscard]] std::size_t partial_blobs() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(store.root() / "tmp")) {
      if (entry.path().extension() == ".partial") ++count;
    }
    return count;
  }
  base::TempDir folder{base::temp_root(), "image-store"};
  oci::Store store{folder.path() / "store"};
  std::optional<oci::Descriptor> resolved;
};

/// `count` different layers of `bytes` each.
std::vector<std::string> make_layers(std::size_t count, std::size_t bytes) {
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < count; ++i) {
    layers.push_back(std::to_string(i) + noise(bytes - 1));
  }
  return layers;
}

/// A Secret volume as the kubelet mounts it: its files are links through ..data, which is replaced
/// by rename.
class MountedSecret {
 public:
  explicit MountedSecret(const std::string& config) {
    fs::create_directories(folder());
    swap(config);
    fs::create_symlink("..data/.dockerconfigjson", folder() / ".dockerconfigjson");
  }
  [[nodiscard]] fs::path folder() const { return folder_.path() / "secret"; }
  void swap(const std::string& config) {
    const auto version = fmt::format("..version-{}", ++version_);
    fs::create_directories(folder() / version);
    base::write_file_atomically(folder() / version / ".dockerconfigjson", config);
    fs::create_directory_symlink(version, folder() / "..data_tmp");
    fs::rename(folder() / "..data_tmp", folder() / "..data");
  }

 private:
  base::TempDir folder_{base::temp_root(), "mounted-secret"};
  int version_ = 0;
};

std::shared_ptr<auth::Keychain> keychain_at(const fs::path& credentials) {
  auth::KeychainOptions options;
  options.credentials = {credentials};
  return std::make_shared<auth::Keychain>(auth::default_sources(options));
}

}  // namespace

TEST(RegistryImage, Case084ABadCopyIsFetchedOnceMore) {
  const auto layer = noise(kMiB);
  const FaultRegistry registry(scripted(json::array({layer_rule({{"flip", true}}, layer)})));
  put_image(registry, layer);
  Local local;

  local.pull(*make_client(), registry.host());

  EXPECT_TRUE(local.has(layer));
  EXPECT_EQ(registry.count("GET", oci::Digest::of(layer).text()), 2U);
}

TEST(RegistryImage, Case084ABlobThatStaysWrongIsAnErrorAndLeavesNothing) {
  const auto layer = noise(kMiB);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"flip", true}, {"times", -1}}, layer)})));
  put_image(registry, layer);
  Local local;

  const auto error = error_of([&] { local.pull(*make_client(), registry.host()); });

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("expected digest " + oci::Digest::of(layer).text()));
  EXPECT_EQ(registry.count("GET", oci::Digest::of(layer).text()), 2U);
  EXPECT_FALSE(local.has(layer));
  EXPECT_EQ(local.partial_blobs(), 0U);
}

TEST(RegistryImage, Case079ADigestHeaderThatLeadsNowhereIsNotFollowed) {
  const auto layer = noise(1000);
  const FaultRegistry registry(scripted(
      json::array({{{"method", "HEAD"},
                    {"path", "/manifests/"},
                    {"headers", {{"Docker-Content-Digest", "sha256:" + std::string(64, '0')}}}}})));
  const auto manifest = put_image(registry, layer);
  Local local;

  local.pull(*make_client(), registry.host());

  EXPECT_EQ(local.resolved->digest, oci::Digest::of(manifest));
}

TEST(RegistryImage, Case085AfterTheFirstAnswerEverythingGoesByDigest) {
  const auto layer = noise(1000);
  const FaultRegistry registry(scripted(json::array()));
  const auto manifest = put_image(registry, layer);
  Local local;
  const auto client = make_client();

  const auto image = oci::resolve_image(*client, local.store, demo(registry.host()), kAmd64, {});
  put_image(registry, noise(2000));
  oci::pull_image(*client, local.store, demo(registry.host()), image, kAmd64, 2, {}, {});

  EXPECT_EQ(image.descriptor.digest, oci::Digest::of(manifest));
  EXPECT_TRUE(local.has(layer));
  EXPECT_EQ(registry.count("HEAD", "/manifests/1"), 1U);
  EXPECT_EQ(registry.count("GET", "/manifests/1"), 0U);
  EXPECT_EQ(registry.count("GET", "/manifests/" + oci::Digest::of(manifest).text()), 1U);
}

TEST(RegistryImage, Case089OfflineTheStoreAloneAnswersAndNamesWhatItLacks) {
  const auto layers = make_layers(3, 1000);
  const FaultRegistry registry(scripted(json::array()));
  put_image(registry, layers);
  Local local;
  local.pull(*make_client(), registry.host());
  const auto asked = registry.requests().size();

  EXPECT_NO_THROW(oci::resolve_offline(local.store, demo(registry.host()), kAmd64));
  local.store.remove_blob(oci::Digest::of(layers[1]));
  const auto error =
      error_of([&] { oci::resolve_offline(local.store, demo(registry.host()), kAmd64); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(error.facts().why, HasSubstr(oci::Digest::of(layers[1]).text()));
  EXPECT_EQ(registry.requests().size(), asked);
}

namespace {

/// A pull of `layers` while `work` runs.
void pull_along(Local& local, const FaultRegistry& registry, const oci::AlongWork& work) {
  const auto client = make_client();
  const auto image = oci::resolve_image(*client, local.store, demo(registry.host()), kAmd64, {});
  oci::pull_along(*client, local.store, demo(registry.host()), image, kAmd64, 2, {}, work, {});
}

}  // namespace

TEST(RegistryImage, Case285ALayerIsUsedWhileAnotherIsOnItsWay) {
  const auto layers = make_layers(2, kMiB);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"stall", 2}, {"stall_after", 1000}}, layers[1])})));
  put_image(registry, layers);
  Local local;
  bool first_alone = false;

  pull_along(local, registry, [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    EXPECT_TRUE(ready(descriptor_of(layers[0]), layers[0].size(), stop));
    first_alone = local.has(layers[0]) && !local.has(layers[1]);
    EXPECT_TRUE(ready(descriptor_of(layers[1]), layers[1].size(), stop));
    EXPECT_TRUE(local.has(layers[1]));
  });

  EXPECT_TRUE(first_alone);
}

/// The layer as it is read while it comes; refused at the end when it is not what it should be.
std::string read_while_it_comes(const oci::Store& store, const std::string& layer,
                                const oci::BlobReady& ready, const std::stop_token& stop) {
  const std::string name = "the layer";
  const auto blob = descriptor_of(layer);
  oci::ArrivingBlob source(store, blob, name, ready, stop);
  std::string read(layer.size() + 1, '\0');
  read.resize(oci::read_fully(source, std::as_writable_bytes(std::span(read))));
  if (read == layer) return read;
  EXPECT_TRUE(ready(blob, blob.size, stop));
  throw base::Error({.code = base::ErrorCode::kIntegrity, .what = "bad", .why = "", .hint = ""});
}

TEST(RegistryImage, ALayerIsReadWhileItIsOnItsWay) {
  const auto layer = noise(2 * kMiB);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"stall", 2}, {"stall_after", kMiB}}, layer)})));
  put_image(registry, layer);
  Local local;
  bool began_early = false;
  std::string read;

  pull_along(local, registry, [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    began_early = ready(descriptor_of(layer), 0, stop)->bytes < layer.size() && !local.has(layer);
    read = read_while_it_comes(local.store, layer, ready, stop);
  });

  EXPECT_TRUE(began_early);
  EXPECT_EQ(read, layer);
}

TEST(RegistryImage, Case084WhatWasReadOfABadCopyIsReadOnceMore) {
  const auto layer = noise(2 * kMiB);
  const FaultRegistry registry(scripted(json::array({layer_rule({{"flip", true}}, layer)})));
  put_image(registry, layer);
  Local local;
  int times = 0;
  std::string read;

  pull_along(local, registry, [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    ++times;
    read = read_while_it_comes(local.store, layer, ready, stop);
  });

  EXPECT_EQ(times, 2);
  EXPECT_EQ(read, layer);
}

TEST(RegistryImage, WhatAKilledProcessLeftIsNotReadBeforeItsDigestIsKnown) {
  const auto layer = noise(2 * kMiB);
  const FaultRegistry registry(scripted(json::array()));
  put_image(registry, layer);
  Local local;
  const auto hex = oci::Digest::of(layer).hex();
  std::ofstream(local.store.root() / "tmp" / fmt::format("sha256-{}.partial", hex))
      << std::string(kMiB, '\0');  // As a machine without power may leave it.
  int times = 0;
  std::string read;

  pull_along(local, registry, [&](const oci::BlobReady& ready, const std::stop_token& stop) {
    ++times;
    read = read_while_it_comes(local.store, layer, ready, stop);
  });

  EXPECT_EQ(times, 1);
  EXPECT_EQ(read, layer);
}

TEST(RegistryImage, ALayerThatDoesNotComeEndsTheWorkWithTheReasonOfThePull) {
  const auto layers = make_layers(2, kMiB);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"status", 404}, {"times", -1}}, layers[1])})));
  put_image(registry, layers);
  Local local;

  const auto error = error_of([&] {
    pull_along(local, registry, [&](const oci::BlobReady& ready, const std::stop_token& stop) {
      EXPECT_FALSE(ready(descriptor_of(layers[1]), 0, stop));
    });
  });

  EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
}

TEST(RegistryImage, WorkThatFailsStopsThePull) {
  const auto layer = noise(kMiB);
  const FaultRegistry registry(scripted(
      json::array({layer_rule({{"stall", 60}, {"stall_after", 1000}, {"times", -1}}, layer)})));
  put_image(registry, layer);
  Local local;

  const auto error = error_of([&] {
    pull_along(local, registry, [](const oci::BlobReady&, const std::stop_token&) {
      throw base::Error({.code = base::ErrorCode::kNoSpace, .what = "full", .why = "", .hint = ""});
    });
  });

  EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace);
}

TEST(RegistryImage, Case068FiftyCutsCostNoMoreThanATenthOfTheBytes) {
  constexpr std::size_t kBytes = 200 * kMiB;
  constexpr unsigned kSeed = 20;
  std::mt19937 random(kSeed);
  std::uniform_int_distribution<std::size_t> offset(1, kBytes - 1);
  json cuts = json::array();
  for (int i = 0; i < 50; ++i) cuts.push_back(offset(random));
  SCOPED_TRACE(fmt::format("seed {}, cuts {}", kSeed, cuts.dump()));
  const auto layer = noise(kBytes);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"cut_at", cuts}, {"times", -1}}, layer)})));
  put_image(registry, layer);
  Local local;

  local.pull(*make_client(), registry.host());

  EXPECT_TRUE(local.has(layer));
  EXPECT_EQ(registry.count("GET", oci::Digest::of(layer).text()), 51U);
  const auto sent = registry.sent_bytes(oci::Digest::of(layer).text());
  RecordProperty("bytes_sent", std::to_string(sent));
  EXPECT_GE(sent, kBytes);
  EXPECT_LE(sent, kBytes + kBytes / 10);
}

TEST(RegistryImage, Case068AProgramThatWasKilledGoesOnWhereItWas) {
  const auto layer = noise(8 * kMiB);
  const FaultRegistry registry(
      scripted(json::array({layer_rule({{"stall_after", 5 * kMiB}, {"stall", 30}}, layer)})));
  put_image(registry, layer);
  Local local;
  const auto partial =
      local.store.root() / "tmp" / fmt::format("sha256-{}.partial", oci::Digest::of(layer).hex());
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    static_cast<void>(error_of([&] { local.pull(*make_client(), registry.host()); }));
    ::_exit(0);
  }
  std::error_code none;
  for (int i = 0; i < 500 && fs::file_size(partial, none) != 5 * kMiB; ++i) ::usleep(20000);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_EQ(fs::file_size(partial), 5 * kMiB);

  local.pull(*make_client(), registry.host());

  EXPECT_TRUE(local.has(layer));
  EXPECT_EQ(registry.requests().back().at("headers").at("Range"),
            fmt::format("bytes={}-", 5 * kMiB));
}

TEST(RegistryImage, Case084ACorruptRestOfAKilledProgramCostsOneNewStart) {
  const auto layer = noise(2 * kMiB);
  const FaultRegistry registry(scripted(json::array()));
  put_image(registry, layer);
  Local local;
  base::write_file_atomically(
      local.store.root() / "tmp" / fmt::format("sha256-{}.partial", oci::Digest::of(layer).hex()),
      std::string(kMiB, 'x'));

  local.pull(*make_client(), registry.host());

  EXPECT_TRUE(local.has(layer));
  EXPECT_EQ(registry.count("GET", oci::Digest::of(layer).text()), 2U);
  EXPECT_FALSE(registry.requests().back().at("headers").contains("Range"));
}

namespace {

const std::vector<std::string> kShortTokens = {
    "--user", "bob", "--password", "canary-pass", "--token-auth", "--token-lifetime", "2"};
constexpr std::size_t kRate = 512U << 10;

}  // namespace

TEST(RegistryImage, ATokenOfTwoSecondsLastsThroughAPullOfHalfAMinute) {
  const auto layers = make_layers(10, 3 * kMiB);
  json script = json::array();
  for (const auto& layer : layers) {
    script.push_back(layer_rule({{"rate", kRate}, {"cut", 2 * kMiB}}, layer));
    script.push_back(layer_rule({{"rate", kRate}, {"times", -1}}, layer));
  }
  const FaultRegistry registry(scripted(std::move(script), kShortTokens));
  put_image(registry, layers);
  Local local;
  const auto client = make_client(
      {.keychain = keychain_of(config_for(registry.host(), "bob", "canary-pass")), .http = {}});
  const auto start = std::chrono::steady_clock::now();

  local.pull(*client, registry.host(), 2);

  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(28));
  for (const auto& layer : layers) EXPECT_TRUE(local.has(layer));
  EXPECT_GE(registry.count("GET", "/token"), 5U);
}

TEST(RegistryImage, ATokenOfTwoSecondsLastsThroughAPushOfHalfAMinute) {
  const auto layers = make_layers(5, 6 * kMiB);
  const FaultRegistry origin(scripted(json::array()));
  put_image(origin, layers);
  Local local;
  local.pull(*make_client(), origin.host());
  const FaultRegistry registry(
      scripted(json::array({{{"method", "PATCH"}, {"rate", kRate}, {"times", -1}}}), [] {
        auto arguments = kShortTokens;
        arguments.emplace_back("--refuse-whole-uploads");
        return arguments;
      }()));
  const auto client =
      make_client({.keychain = keychain_of(config_for(registry.host(), "bob", "canary-pass")),
                   .http = {},
                   .registry = {.retry = quick_retries(), .chunk_bytes = 3 * kMiB / 2}});
  const auto start = std::chrono::steady_clock::now();

  oci::push_image(*client, local.store, *local.resolved, demo(registry.host()),
                  {.mount_from = "", .parallel = 2}, {}, {});

  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(28));
  for (const auto& layer : layers) EXPECT_TRUE(registry.has_blob(oci::Digest::of(layer)));
  EXPECT_GE(registry.count("GET", "/token"), 8U);
}

TEST(RegistryImage, Case034ASecretSwappedInMidPullIsReadAgain) {
  const auto layers = make_layers(4, kMiB);
  const base::TempDir folder(base::temp_root(), "users");
  const auto users = folder.path() / "users.json";
  base::write_file_atomically(users, R"({"bob": "one"})");
  // The second layer asked for is cut in its middle; from then on only the new password counts.
  const FaultRegistry registry(scripted(json::array({{{"method", "GET"},
                                                      {"path", "/blobs/"},
                                                      {"skip", 2},
                                                      {"cut", kMiB / 2},
                                                      {"then_users", {{"bob", "two"}}}}}),
                                        {"--users", users.string()}));
  put_image(registry, layers);
  MountedSecret secret(config_for(registry.host(), "bob", "one"));
  const auto client = make_client({.keychain = keychain_at(secret.folder()), .http = {}});
  Local local;
  const auto image = oci::resolve_image(*client, local.store, demo(registry.host()), kAmd64, {});
  secret.swap(config_for(registry.host(), "bob", "two"));

  oci::pull_image(*client, local.store, demo(registry.host()), image, kAmd64, 1, {}, {});

  for (const auto& layer : layers) EXPECT_TRUE(local.has(layer));
}

TEST(RegistryImage, Case034ASecretSwappedInMidPushIsReadAgain) {
  const auto layers = make_layers(4, kMiB);
  const FaultRegistry origin(scripted(json::array()));
  put_image(origin, layers);
  Local local;
  local.pull(*make_client(), origin.host());
  const base::TempDir folder(base::temp_root(), "users");
  const auto users = folder.path() / "users.json";
  base::write_file_atomically(users, R"({"bob": "one"})");
  const FaultRegistry registry(scripted(json::array({{{"method", "PUT"},
                                                      {"path", "/uploads/"},
                                                      {"skip", 1},
                                                      {"then_users", {{"bob", "two"}}}}}),
                                        {"--users", users.string()}));
  MountedSecret secret(config_for(registry.host(), "bob", "one"));
  const auto client = make_client({.keychain = keychain_at(secret.folder()), .http = {}});
  client->has_blob(demo(registry.host()), descriptor_of("x"), {});
  secret.swap(config_for(registry.host(), "bob", "two"));

  oci::push_image(*client, local.store, *local.resolved, demo(registry.host()),
                  {.mount_from = "", .parallel = 1}, {}, {});

  for (const auto& layer : layers) EXPECT_TRUE(registry.has_blob(oci::Digest::of(layer)));
}
