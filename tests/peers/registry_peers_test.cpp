// SPDX-License-Identifier: Apache-2.0
// A second real registry, `crane registry serve`, and what crane and skopeo make of our pushes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.hpp"
#include "base/process.hpp"
#include "oci/image_files.hpp"
#include "oci/pull_all.hpp"
#include "oci/push.hpp"
#include "tests/integration/registry_fixture.hpp"
#include "tests/support/made_image.hpp"

namespace {

using nlohmann::json;
using test_support::noise;
using testing::HasSubstr;

/// crane's registry on a port of its own choosing, without TLS or log-in.
class CraneRegistry {
 public:
  CraneRegistry() {
    constexpr std::string_view kPortLine = "serving on port ";
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      const auto output = process_.output();
      if (const auto at = output.find(kPortLine); at != std::string::npos) {
        const auto start = at + kPortLine.size();
        host_ = "127.0.0.1:" + output.substr(start, output.find('\n', start) - start);
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw std::runtime_error("crane registry serve did not start: " + process_.output());
  }
  [[nodiscard]] const std::string& host() const { return host_; }

 private:
  base::TempDir folder_{base::temp_root(), "crane-registry"};
  test_support::BackgroundProcess process_{
      base::Command{.program = "crane",
                    .arguments = {"registry", "serve", "--address", "127.0.0.1:0", "--disk",
                                  folder_.path().string()},
                    .environment = {},
                    .working_directory = {},
                    .input = {}}};
  std::string host_;
};

class RegistryPeersTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!base::find_program("crane")) GTEST_SKIP() << "crane is not on PATH";
    registry_.emplace();
  }
  std::string run(const std::string& program, std::vector<std::string> arguments) {
    base::SystemProcessRunner runner;
    return base::run_or_throw(runner,
                              {.program = program,
                               .arguments = std::move(arguments),
                               .environment = {"HOME=" + folder_.path().string()},
                               .working_directory = {},
                               .input = {}},
                              base::ErrorCode::kArtifactTool, {}, {})
        .standard_output;
  }
  [[nodiscard]] oci::Reference at(const std::string& name) const {
    return oci::Reference::parse(registry_->host() + "/" + name);
  }
  tests::MadeImage image(const std::string& name) {
    return tests::make_image(store_, {noise(3U << 20), name + noise(1U << 20)});
  }
  oci::Descriptor two_platforms() {
    return tests::make_index(store_,
                             {{"amd64", image("a").descriptor}, {"arm64", image("b").descriptor}});
  }
  oci::PushResult push(const oci::Descriptor& top, const oci::Reference& target,
                       const oci::PushOptions& options = {}) {
    return oci::push_image(*client_, store_, top, target, options, {}, {});
  }

  base::TempDir folder_{base::temp_root(), "registry-peers"};
  oci::Store store_{folder_.path() / "store"};
  std::unique_ptr<oci::Registry> client_ = test_support::make_client();
  std::optional<CraneRegistry> registry_;
};

}  // namespace

TEST_F(RegistryPeersTest, AnImageGoesThereAndComesBack) {
  const auto made = image("a");
  const auto target = at("team/demo:1");

  const auto first = push(made.descriptor, target);
  const auto second = push(made.descriptor, target);

  EXPECT_EQ(first.sent_blobs, 3U);
  EXPECT_EQ(second.sent_blobs, 0U);
  oci::Store other(folder_.path() / "other");
  EXPECT_EQ(oci::pull_all(*client_, other, target, 2, {}, {}).top.digest, made.descriptor.digest);
  EXPECT_EQ(run("crane", {"digest", target.text()}), made.descriptor.digest.text() + "\n");
}

TEST_F(RegistryPeersTest, CraneReadsTheIndexThatWePush) {
  const auto top = two_platforms();
  const auto target = at("team/multi:1");

  push(top, target);

  EXPECT_EQ(run("crane", {"digest", target.text()}), top.digest.text() + "\n");
  const auto manifest = json::parse(run("crane", {"manifest", target.text()}));
  EXPECT_EQ(manifest.at("manifests").size(), 2U);
  EXPECT_EQ(run("crane", {"digest", "--platform", "linux/arm64", target.text()}),
            image("b").descriptor.digest.text() + "\n");
}

TEST_F(RegistryPeersTest, WePullTheIndexThatCraneCopied) {
  const auto top = two_platforms();
  push(top, at("team/multi:1"));
  run("crane", {"copy", at("team/multi:1").text(), at("other/copy:2").text()});

  oci::Store other(folder_.path() / "other");
  EXPECT_EQ(oci::pull_all(*client_, other, at("other/copy:2"), 2, {}, {}).top.digest, top.digest);
  EXPECT_TRUE(other.verify({}).empty());
}

TEST_F(RegistryPeersTest, SkopeoCopiesAllOfWhatWePush) {
  if (!base::find_program("skopeo")) GTEST_SKIP() << "skopeo is not installed";
  const auto top = two_platforms();
  push(top, at("team/multi:1"));
  const auto layout = "oci:" + (folder_.path() / "layout").string() + ":all";

  run("skopeo", {"--insecure-policy", "copy", "--all", "--src-tls-verify=false",
                 "docker://" + at("team/multi:1").text(), layout});

  oci::Store other(folder_.path() / "other");
  const auto found = oci::import_all(other, *oci::ImageLocation::parse(layout), {});
  EXPECT_EQ(found.digest, top.digest);
}

TEST_F(RegistryPeersTest, AReferrerIsFoundByItsSubject) {
  const auto made = image("a");
  const auto target = at("team/demo:1");
  push(made.descriptor, target);
  const std::string empty = "{}";
  base::write_file_atomically(folder_.path() / "empty", empty);
  const auto blob = test_support::descriptor_of(empty);
  client_->push_blob(target, blob, folder_.path() / "empty", "", {}, {});
  const auto signature = json{{"schemaVersion", 2},
                              {"mediaType", oci::media_type::kOciManifest},
                              {"artifactType", "application/x-signature"},
                              {"config",
                               {{"mediaType", "application/vnd.oci.empty.v1+json"},
                                {"digest", blob.digest.text()},
                                {"size", 2}}},
                              {"layers", json::array()},
                              {"subject",
                               {{"mediaType", oci::media_type::kOciManifest},
                                {"digest", made.descriptor.digest.text()},
                                {"size", made.descriptor.size}}}}
                             .dump();
  auto by_digest = target;
  by_digest.digest = oci::Digest::of(signature);

  client_->push_manifest(by_digest, std::string(oci::media_type::kOciManifest), signature, {});
  client_->push_manifest(by_digest, std::string(oci::media_type::kOciManifest), signature, {});

  auto list = target;
  list.tag = "sha256-" + std::string(made.descriptor.digest.hex());
  const auto entries = json::parse(client_->manifest(list, {}).bytes).at("manifests");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].at("digest"), by_digest.digest->text());
}

TEST_F(RegistryPeersTest, ManyPushersOfOneImageAllSucceed) {
  const auto top = two_platforms();
  std::vector<std::string> failures(4);
  {
    std::vector<std::jthread> pushers;
    for (auto& failure : failures) {
      pushers.emplace_back([&] {
        try {
          oci::push_image(*test_support::make_client(), store_, top, at("team/multi:1"), {}, {},
                          {});
        } catch (const base::Error& error) {
          failure = base::render(error);
        }
      });
    }
  }

  EXPECT_THAT(failures, testing::Each(""));
  oci::Store other(folder_.path() / "other");
  EXPECT_EQ(oci::pull_all(*client_, other, at("team/multi:1"), 2, {}, {}).top.digest, top.digest);
}
