// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/image_draft.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/temp_dir.hpp"
#include "oci/pull.hpp"

namespace {

using stages::dockerfile::ImageDraft;
using testing::ElementsAre;

const oci::Platform kPlatform{.os = "linux", .architecture = "amd64", .variant = ""};

oci::Descriptor layer_blob(std::string_view type) {
  return {.media_type = std::string(type),
          .digest = oci::Digest::of("blob"),
          .size = 4,
          .annotations = {},
          .platform = std::nullopt,
          .urls = {}};
}

/// A config as Docker writes it, with what nobody else knows.
std::string docker_config() {
  return nlohmann::json{
      {"architecture", "amd64"},
      {"os", "linux"},
      {"container", "abc"},
      {"docker_version", "20.10"},
      {"created", "2020-01-01T00:00:00Z"},
      {"author", "somebody"},
      {"x-ours", {1, 2}},
      {"config", {{"Env", {"A=1"}}, {"Labels", nullptr}, {"X-Theirs", "kept"}}},
      {"history", {{{"created", "2020-01-01T00:00:00Z"}, {"created_by", "ADD x"}}}},
      {"rootfs", {{"type", "layers"}, {"diff_ids", {oci::Digest::of("tar").text()}}}}}
      .dump();
}

oci::Manifest docker_manifest() {
  return {.media_type = std::string(oci::media_type::kDockerManifest),
          .config = layer_blob(oci::media_type::kDockerConfig),
          .layers = {layer_blob(oci::media_type::kDockerLayerGzip)}};
}

nlohmann::json config_of(const oci::Store& store, const oci::Descriptor& image) {
  const auto manifest = oci::read_manifest(store, image);
  return nlohmann::json::parse(store.read_blob(manifest.config.digest, 1U << 20).value());
}

class ImageDraftTest : public testing::Test {
 protected:
  base::TempDir folder_{base::temp_root(), "draft"};
  oci::Store store_{folder_.path() / "store"};
  oci::MadeLayer layer_{.blob = layer_blob(oci::media_type::kOciLayerGzip),
                        .diff_id = oci::Digest::of("other tar")};
};

TEST_F(ImageDraftTest, KeepsWhatItDoesNotKnowAndTurnsDockerIntoOci) {
  ImageDraft draft(docker_config(), docker_manifest());

  const auto image = draft.write(store_, std::nullopt, 1'000'000'000);

  const auto manifest = oci::read_manifest(store_, image);
  EXPECT_EQ(image.media_type, oci::media_type::kOciManifest);
  EXPECT_EQ(manifest.config.media_type, oci::media_type::kOciConfig);
  EXPECT_EQ(manifest.layers.at(0).media_type, oci::media_type::kOciLayerGzip);
  const auto config = config_of(store_, image);
  EXPECT_EQ(config["x-ours"], nlohmann::json({1, 2}));
  EXPECT_EQ(config["config"]["X-Theirs"], "kept");
  EXPECT_EQ(config["author"], "somebody");
  EXPECT_FALSE(config.contains("container"));
  EXPECT_FALSE(config.contains("docker_version"));
  EXPECT_EQ(config["history"].size(), 1U);
  EXPECT_THAT(draft.list("Env"), ElementsAre("A=1", testing::StartsWith("PATH=")));
}

TEST_F(ImageDraftTest, EachLayerOfABaseImageHasAHistory) {
  auto config = nlohmann::json::parse(docker_config());
  config.erase("history");
  ImageDraft draft(config.dump(), docker_manifest());
  draft.add_layer(layer_, "COPY a /", 1'700'000'000);

  const auto history = config_of(store_, draft.write(store_, std::nullopt, 1))["history"];

  // Others refuse an image whose history lists fewer layers than there are.
  ASSERT_EQ(history.size(), 2U);
  EXPECT_FALSE(history[0].contains("empty_layer"));
  EXPECT_EQ(history[1]["created_by"], "COPY a /");
}

TEST_F(ImageDraftTest, GivesHistoryWithoutLayerTheTimeOfTheLayerBefore) {
  ImageDraft draft(docker_config(), docker_manifest());
  draft.add_history("ENV A=2");
  draft.add_layer(layer_, "COPY a /", 1'700'000'000);
  draft.add_history("CMD [\"x\"]");

  const auto config = config_of(store_, draft.write(store_, std::nullopt, 1));

  EXPECT_EQ(config["created"], "2023-11-14T22:13:20Z");
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(config["history"][i]["created"], "2023-11-14T22:13:20Z");
  }
  EXPECT_EQ(config["history"][0]["created"], "2020-01-01T00:00:00Z");
  EXPECT_EQ(config["history"][1]["empty_layer"], true);
  EXPECT_FALSE(config["history"][2].contains("empty_layer"));
  EXPECT_EQ(config["rootfs"]["diff_ids"].size(), 2U);
}

TEST_F(ImageDraftTest, Case203WritesTheSameForTheSameEpoch) {
  const auto build = [&](std::int64_t now) {
    ImageDraft draft(kPlatform);
    draft.add_layer(layer_, "COPY a /", 1000);
    draft.add_history("ENV A=2");
    return draft.write(store_, 1000, now);
  };

  const auto first = build(5'000'000);
  const auto second = build(6'000'000);

  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(config_of(store_, first)["created"], "1970-01-01T00:16:40Z");
}

}  // namespace
