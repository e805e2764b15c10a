// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/layout_index.hpp"
#include "oci/pull.hpp"
#include "oci/snapshots.hpp"
#include "tests/support/fake_registry.hpp"
#include "tests/support/packing.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using tests::file;
using tests::zoo_tar;

oci::Digest digest_of(std::string_view bytes, std::string_view algorithm) {
  oci::Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.finish();
}

/// An image as a registry has it, to be made strange before it is pulled.
struct Offer {
  json config = {{"os", "linux"},
                 {"architecture", "amd64"},
                 {"rootfs", {{"type", "layers"}, {"diff_ids", json::array()}}}};
  json layers = json::array();
  json config_more = json::object();  ///< Fields of the config's descriptor.
  std::string algorithm = "sha256";
};

class PullImageTest : public testing::Test {
 protected:
  json put(std::string_view type, const std::string& bytes, const std::string& algorithm) {
    const auto digest = digest_of(bytes, algorithm);
    registry_.blobs[digest] = bytes;
    return {{"mediaType", type}, {"digest", digest.text()}, {"size", bytes.size()}};
  }
  /// `blob` as a layer of this tar.
  void add_layer(Offer& offer, std::string_view tar, const std::string& blob,
                 std::string_view type = oci::media_type::kOciLayer) {
    offer.layers.push_back(put(type, blob, offer.algorithm));
    offer.config["rootfs"]["diff_ids"].push_back(digest_of(tar, offer.algorithm).text());
  }
  void add_layer(Offer& offer, const std::string& tar) { add_layer(offer, tar, tar); }

  oci::ResolvedImage pull(const Offer& offer) {
    auto config = put(oci::media_type::kOciConfig, offer.config.dump(), offer.algorithm);
    config.update(offer.config_more);
    const auto manifest = json{
        {"schemaVersion", 2},
        {"mediaType", oci::media_type::kOciManifest},
        {"config", config},
        {"layers",
         offer.layers}}.dump();
    reference_.digest = digest_of(manifest, offer.algorithm);
    registry_.push_manifest(reference_, std::string(oci::media_type::kOciManifest), manifest, {});
    registry_.calls.clear();
    auto image = oci::resolve_image(registry_, store_, reference_, kPlatform, {});
    oci::pull_image(registry_, store_, reference_, image, kPlatform, 2, {}, {});
    return image;
  }
  base::Error error_of(const Offer& offer) {
    try {
      unpack(pull(offer));
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Error({});
  }
  fs::path unpack(const oci::ResolvedImage& image) {
    const auto folder = folder_.path() / "tree";
    base::remove_tree(folder);
    base::make_directories(folder);
    const oci::UnpackContext context{.options = {.keep_owners = ::geteuid() == 0},
                                     .progress = {},
                                     .warn = [](const std::string& /*text*/) {},
                                     .stop = {}};
    oci::unpack_into(store_, image.manifest, oci::read_config(store_, image.manifest), folder,
                     context);
    return folder;
  }

  const oci::Platform kPlatform = oci::Platform::parse("amd64");
  base::TempDir folder_{base::temp_root(), "pull_image_test"};
  oci::Store store_{folder_.path() / "store"};
  tests::FakeRegistry registry_;
  oci::Reference reference_ = oci::Reference::parse("reg.io/team/demo:1");
};

}  // namespace

TEST_F(PullImageTest, Case101AnUnknownLayerTypeIsNamedWhenItIsToBeUnpacked) {
  Offer offer;
  add_layer(offer, "x", "x", "application/x-chart");

  const auto error = error_of(offer);

  EXPECT_THAT(error.facts().what, HasSubstr("layer 1"));
  EXPECT_THAT(error.facts().why, HasSubstr("application/x-chart"));
  EXPECT_EQ(registry_.count("blob"), 0U);
}

TEST_F(PullImageTest, Case104AnImageInSha512IsPulledAndUnpacked) {
  Offer offer;
  offer.algorithm = "sha512";
  add_layer(offer, zoo_tar({file("a", "content")}));

  const auto image = pull(offer);

  EXPECT_EQ(image.descriptor.digest.algorithm(), "sha512");
  EXPECT_EQ(base::read_file(unpack(image) / "a", 100), "content");
}

TEST_F(PullImageTest, Case105EmbeddedContentIsUsedWhenItIsRight) {
  Offer offer;
  add_layer(offer, zoo_tar({file("a")}));
  offer.config_more["data"] = base::base64_encode(offer.config.dump());

  pull(offer);
  EXPECT_EQ(registry_.count("blob"), 1U) << "the layer";

  store_.prune(true);
  offer.config["author"] = "somebody else";
  pull(offer);
  EXPECT_EQ(registry_.count("blob"), 2U) << "the data is not what the digest says";
}

TEST_F(PullImageTest, Case110AnotherArchitectureFailsBeforeAnyLayerIsFetched) {
  Offer offer;
  offer.config["architecture"] = "arm64";
  add_layer(offer, zoo_tar({file("a")}));

  const auto error = error_of(offer);

  EXPECT_THAT(error.facts().why, HasSubstr("linux/arm64"));
  EXPECT_EQ(registry_.count("blob"), 1U) << "the config";
}

TEST_F(PullImageTest, Case094AConfigAboveTheLimitIsNotFetched) {
  Offer offer;
  offer.config["author"] = std::string(oci::kMaxConfigBytes, 'x');

  const auto error = error_of(offer);

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("the limit is 4194304"));
  EXPECT_EQ(registry_.count("blob"), 0U);
}

TEST_F(PullImageTest, Case094AConfigOfAnotherSizeThanDeclaredIsRefused) {
  for (const int difference : {-1, 1}) {
    Offer offer;
    offer.config_more["size"] = static_cast<int>(offer.config.dump().size()) + difference;

    EXPECT_EQ(error_of(offer).code(), base::ErrorCode::kIntegrity) << difference;
  }
}

TEST_F(PullImageTest, Case111TheTarMustHaveItsDiffId) {
  Offer offer;
  add_layer(offer, zoo_tar({file("other")}), zoo_tar({file("a")}));

  const auto error = error_of(offer);

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("config says"));
}

TEST_F(PullImageTest, Case111AsManyDiffIdsAsLayers) {
  Offer offer;
  add_layer(offer, zoo_tar({file("a")}));
  offer.config["rootfs"]["diff_ids"].clear();

  EXPECT_THAT(error_of(offer).facts().why, HasSubstr("1 layers and the config 0 diff ids"));
  EXPECT_EQ(registry_.count("blob"), 1U) << "the config";
}

TEST_F(PullImageTest, Case112Case284TheSameLayerTwiceIsFetchedOnceAndAppliedTwice) {
  Offer offer;
  const auto layer = zoo_tar({file("a", "first"), file("b")});
  add_layer(offer, layer);
  add_layer(offer, zoo_tar({file("a", "second"), file(".wh.b", "")}));
  add_layer(offer, layer);

  const auto tree = unpack(pull(offer));

  EXPECT_EQ(registry_.count("blob"), 3U) << "two layers and the config";
  EXPECT_EQ(base::read_file(tree / "a", 100), "first");
  EXPECT_TRUE(fs::exists(tree / "b"));
}

TEST_F(PullImageTest, Case113NoLayersAndEmptyTarsAreFine) {
  EXPECT_TRUE(fs::is_empty(unpack(pull({}))));

  Offer offer;
  add_layer(offer, zoo_tar({}));
  const auto packed = zoo_tar({});
  add_layer(offer, packed, tests::gzip(packed), oci::media_type::kOciLayerGzip);
  EXPECT_TRUE(fs::is_empty(unpack(pull(offer))));
}

TEST_F(PullImageTest, Case113AGzipOfNoBytesIsAnError) {
  Offer offer;
  add_layer(offer, "", "", oci::media_type::kOciLayerGzip);

  EXPECT_EQ(error_of(offer).code(), base::ErrorCode::kIntegrity);
}

TEST_F(PullImageTest, Case114AThousandLayersAndALongHistory) {
  Offer offer;
  for (int i = 0; i < 1000; ++i) {
    add_layer(offer, zoo_tar({file("f" + std::to_string(i % 7), std::to_string(i))}));
  }
  for (int i = 0; i < 10'000; ++i) offer.config["history"].push_back({{"created_by", "RUN"}});

  const auto tree = unpack(pull(offer));

  EXPECT_EQ(base::read_file(tree / "f5", 100), "999");
  EXPECT_EQ(base::read_file(tree / "f0", 100), "994");
}

TEST_F(PullImageTest, Case106AnIndexWithoutOurPlatformSaysWhatThereIs) {
  const auto entry = [](const char* architecture) {
    return json{{"mediaType", oci::media_type::kOciManifest},
                {"digest", oci::Digest::of(architecture).text()},
                {"size", 7},
                {"platform", {{"os", "linux"}, {"architecture", architecture}}}};
  };
  const auto index = json{{"schemaVersion", 2},
                          {"mediaType", oci::media_type::kOciIndex},
                          {"manifests", {entry("arm64"), entry("riscv64")}}}
                         .dump();
  registry_.push_manifest(reference_, std::string(oci::media_type::kOciIndex), index, {});

  try {
    static_cast<void>(oci::resolve_image(registry_, store_, reference_, kPlatform, {}));
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
    EXPECT_THAT(error.facts().why, HasSubstr("linux/arm64, linux/riscv64"));
  }
}

TEST_F(PullImageTest, Case108IndexesWithoutEndAreNotFollowed) {
  auto name = oci::Digest::of("the last is never asked for").text();
  for (int i = 0; i < 50; ++i) {
    const auto index = json{{"schemaVersion", 2},
                            {"mediaType", oci::media_type::kOciIndex},
                            {"manifests",
                             {{{"mediaType", oci::media_type::kOciIndex},
                               {"digest", name},
                               {"size", 7},
                               {"platform", {{"os", "linux"}, {"architecture", "amd64"}}}}}}}
                           .dump();
    reference_.digest = oci::Digest::of(index);
    name = reference_.digest->text();
    registry_.push_manifest(reference_, std::string(oci::media_type::kOciIndex), index, {});
  }
  registry_.calls.clear();

  EXPECT_THROW(static_cast<void>(oci::resolve_image(registry_, store_, reference_, kPlatform, {})),
               base::Error);

  EXPECT_LT(registry_.count("get"), 10U);
}
