// SPDX-License-Identifier: Apache-2.0
#include "oci/image_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/layout_index.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/packing.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

namespace fs = std::filesystem;
using oci::ImageLocation;
using testing::HasSubstr;
using tests::file;
using tests::zoo_tar;

class ImageFilesTest : public testing::Test {
 protected:
  [[nodiscard]] ImageLocation at(const std::string& format, const std::string& rest) const {
    return *ImageLocation::parse(format + ":" + (folder_.path() / rest).string());
  }
  oci::Descriptor import(oci::Store& store, const ImageLocation& from) {
    return oci::import_image(store, from, oci::Platform::parse("amd64"), {});
  }
  [[nodiscard]] base::Error error_of(const ImageLocation& from) {
    try {
      static_cast<void>(import(store_, from));
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Error({});
  }
  tests::MadeImage two_layers() {
    return tests::make_image(store_, {zoo_tar({file("a")}), zoo_tar({file("b")})});
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << bytes;
  }

  base::TempDir folder_{base::temp_root(), "image_files_test"};
  oci::Store store_{folder_.path() / "store"};
  oci::Store other_{folder_.path() / "other"};
};

}  // namespace

TEST(ImageLocation, ReadsWhatSkopeoReads) {
  const auto plain = ImageLocation::parse("oci:dir/x");
  const auto named = ImageLocation::parse("docker-archive:/a.tar:quay.io/a/b:1");

  EXPECT_EQ(plain->path, "dir/x");
  EXPECT_EQ(plain->name, "");
  EXPECT_EQ(named->format, ImageLocation::Format::kDockerArchive);
  EXPECT_EQ(named->path, "/a.tar");
  EXPECT_EQ(named->name, "quay.io/a/b:1");
  EXPECT_EQ(named->text(), "docker-archive:/a.tar:quay.io/a/b:1");
  EXPECT_FALSE(ImageLocation::parse("quay.io/a/b:1"));
  EXPECT_FALSE(ImageLocation::parse("ocix:dir"));
  EXPECT_THROW(static_cast<void>(ImageLocation::parse("oci::tag")), base::Error);
}

TEST_F(ImageFilesTest, OciFormsKeepTheImageByteForByte) {
  const auto image = two_layers();
  for (const auto* format : {"oci", "oci-archive"}) {
    const auto place = at(format, std::string(format) + ":quay.io/a/b:1");
    oci::export_image(store_, image.descriptor, place, {});

    const auto back = import(other_, place);

    EXPECT_EQ(back.digest, image.descriptor.digest);
    for (const auto& layer : image.manifest.layers) EXPECT_TRUE(other_.contains(layer));
    other_.prune(true);
  }
}

TEST_F(ImageFilesTest, ADockerArchiveKeepsConfigAndLayers) {
  const auto image = two_layers();
  const auto place = at("docker-archive", "d.tar:quay.io/a/b:1");
  oci::export_image(store_, image.descriptor, place, {});

  const auto back = import(other_, place);

  const auto text = other_.read_blob(back.digest, 1 << 20);
  ASSERT_TRUE(text.has_value());
  const auto manifest = oci::parse_manifest(*text, "", "it");
  EXPECT_EQ(manifest.config.digest, image.manifest.config.digest);
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[1].digest, image.manifest.layers[1].digest);
  EXPECT_EQ(manifest.layers[1].media_type, oci::media_type::kOciLayerGzip);
}

TEST_F(ImageFilesTest, SameImageSameBytesInAnArchive) {
  const auto image = two_layers();
  for (const auto* format : {"oci-archive", "docker-archive"}) {
    oci::export_image(store_, image.descriptor, at(format, "one.tar:debian:12"), {});
    oci::export_image(store_, image.descriptor, at(format, "two.tar:debian:12"), {});

    EXPECT_EQ(base::read_file(folder_.path() / "one.tar", 1 << 20),
              base::read_file(folder_.path() / "two.tar", 1 << 20));
    EXPECT_FALSE(fs::exists(folder_.path() / "one.tar.partial"));
  }
}

TEST_F(ImageFilesTest, Case119ALayoutHoldsSeveralImagesByName) {
  const auto one = two_layers();
  const auto two = tests::make_image(store_, {zoo_tar({file("c")})});
  oci::export_image(store_, one.descriptor, at("oci", "dir:one"), {});
  oci::export_image(store_, two.descriptor, at("oci", "dir:two"), {});

  EXPECT_EQ(import(other_, at("oci", "dir:two")).digest, two.descriptor.digest);
  EXPECT_EQ(import(other_, at("oci", "dir:one")).digest, one.descriptor.digest);
  const auto ambiguous = error_of(at("oci", "dir"));
  EXPECT_EQ(ambiguous.code(), base::ErrorCode::kUsage);
  EXPECT_THAT(ambiguous.facts().why, HasSubstr("one, two"));
  EXPECT_EQ(error_of(at("oci", "dir:three")).code(), base::ErrorCode::kNotFound);
}

TEST_F(ImageFilesTest, OneImageNeedsNoName) {
  const auto image = two_layers();
  for (const auto* format : {"oci", "oci-archive", "docker-archive"}) {
    const auto place = at(format, std::string("unnamed-") + format);
    oci::export_image(store_, image.descriptor, place, {});

    EXPECT_NO_THROW(import(other_, place)) << format;
  }
}

TEST_F(ImageFilesTest, Case119ANameThatLeadsToTwoImagesIsAmbiguous) {
  const auto one = two_layers();
  const auto two = tests::make_image(store_, {zoo_tar({file("c")})});
  oci::export_image(store_, one.descriptor, at("oci", "dir:one"), {});
  oci::export_image(store_, two.descriptor, at("oci", "dir:two"), {});
  auto text = base::read_file(folder_.path() / "dir/index.json", 1 << 20);
  text.replace(text.find("\"two\""), 5, "\"one\"");
  write("dir/index.json", text);

  const auto error = error_of(at("oci", "dir:one"));

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().what, HasSubstr("ambiguous"));
}

TEST_F(ImageFilesTest, AllOfAnIndexIsCopiedWithAll) {
  const auto second = tests::make_image(store_, {zoo_tar({file("c")})});
  const auto top =
      tests::make_index(store_, {{"amd64", two_layers().descriptor}, {"arm64", second.descriptor}});
  for (const auto* format : {"oci", "oci-archive"}) {
    const auto place = at(format, std::string("all-") + format + ":multi");
    oci::export_image(store_, top, place, {});

    EXPECT_EQ(oci::import_all(other_, place, {}).digest, top.digest);

    EXPECT_TRUE(other_.contains(second.descriptor));
    EXPECT_TRUE(other_.contains(second.manifest.layers[0]));
    EXPECT_EQ(import(other_, place).digest, two_layers().descriptor.digest);
    other_.prune(true);
  }
  EXPECT_THROW(oci::export_image(store_, top, at("docker-archive", "all.tar"), {}), base::Error);
}

TEST_F(ImageFilesTest, Case259WhatOnlyItsOwnerMayGiveNeedNotBeThere) {
  auto image = two_layers();
  auto& layer = image.manifest.layers[1];
  layer.media_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
  layer.urls = {"https://owner.example/layer"};
  const nlohmann::json manifest = {
      {"schemaVersion", 2},
      {"mediaType", oci::media_type::kOciManifest},
      {"config", oci::to_json(image.manifest.config)},
      {"layers", {oci::to_json(image.manifest.layers[0]), oci::to_json(layer)}}};
  auto descriptor = image.descriptor;
  descriptor.digest = store_.put_blob(manifest.dump());
  descriptor.size = manifest.dump().size();
  store_.remove_blob(layer.digest);
  for (const auto* format : {"oci", "oci-archive"}) {
    const auto place = at(format, std::string("foreign-") + format);
    oci::export_image(store_, descriptor, place, {});

    EXPECT_EQ(import(other_, place).digest, descriptor.digest) << format;

    EXPECT_FALSE(other_.contains(layer));
    other_.prune(true);
  }
}

TEST_F(ImageFilesTest, AnIndexLeadsToTheManifestOfThePlatform) {
  const auto image = two_layers();
  auto entry = image.descriptor;
  entry.platform = oci::Platform::parse("amd64");
  const nlohmann::json index = {{"schemaVersion", 2},
                                {"mediaType", oci::media_type::kOciIndex},
                                {"manifests", {oci::to_json(entry)}}};
  const auto text = index.dump();
  const auto place = at("oci", "dir:multi");
  oci::export_image(store_, image.descriptor, place, {});
  const auto digest = oci::Digest::of(text);
  write("dir/blobs/sha256/" + std::string(digest.hex()), text);
  auto descriptor = image.descriptor;
  descriptor.media_type = oci::media_type::kOciIndex;
  descriptor.digest = digest;
  descriptor.size = text.size();
  write("dir/index.json", oci::with_name(oci::kEmptyLayoutIndex, "multi", descriptor, "x"));

  EXPECT_EQ(import(other_, place).digest, image.descriptor.digest);
  EXPECT_THROW(oci::import_image(other_, place, oci::Platform::parse("arm64"), {}), base::Error);
}

TEST_F(ImageFilesTest, Case118WhatIsMissingOrNotALayoutIsSaid) {
  fs::create_directories(folder_.path() / "empty");
  write("junk", std::string(2000, 'j'));

  EXPECT_EQ(error_of(at("oci", "nowhere")).code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(error_of(at("oci", "empty")).facts().why, HasSubstr("not an OCI image layout"));
  write("empty/index.json", std::string(oci::kEmptyLayoutIndex));
  EXPECT_THAT(error_of(at("oci", "empty")).facts().why, HasSubstr("oci-layout"));
  for (const auto* marker : {"{}", "[]", R"({"imageLayoutVersion":"2.0.0"})"}) {
    write("empty/oci-layout", marker);
    EXPECT_EQ(error_of(at("oci", "empty")).code(), base::ErrorCode::kUnsupported) << marker;
  }
  EXPECT_EQ(error_of(at("oci-archive", "junk")).code(), base::ErrorCode::kIntegrity);
  EXPECT_EQ(error_of(at("docker-archive", "junk")).code(), base::ErrorCode::kIntegrity);
}

TEST_F(ImageFilesTest, Case118UnknownFilesOfALayoutAreIgnored) {
  const auto image = two_layers();
  const auto place = at("oci", "dir:t");
  oci::export_image(store_, image.descriptor, place, {});
  write("dir/README", "read me");
  write("dir/blobs/sha256/not-a-digest", "junk");
  fs::create_directories(folder_.path() / "dir/blobs/blake3");

  EXPECT_EQ(import(other_, place).digest, image.descriptor.digest);
}

TEST_F(ImageFilesTest, Case118ABlobOfALayoutMustBeAPlainFile) {
  const auto image = two_layers();
  const auto place = at("oci", "dir:t");
  oci::export_image(store_, image.descriptor, place, {});
  const auto blob = place.path / "blobs/sha256" / image.manifest.layers[0].digest.hex();
  const auto moved = folder_.path() / "moved";
  fs::rename(blob, moved);
  fs::create_symlink(moved, blob);

  try {
    static_cast<void>(import(other_, place));
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    EXPECT_THAT(error.facts().why, HasSubstr("not a plain file"));
  }
}

TEST_F(ImageFilesTest, ACorruptBlobNeverGetsInOrOut) {
  const auto image = two_layers();
  const auto place = at("oci", "dir:t");
  oci::export_image(store_, image.descriptor, place, {});
  const auto name = std::string(image.manifest.layers[0].digest.hex());
  auto bytes = base::read_file(place.path / "blobs/sha256" / name, 1 << 20);
  bytes.back() ^= 1;
  write("dir/blobs/sha256/" + name, bytes);
  EXPECT_THROW(import(other_, place), base::Error);
  EXPECT_FALSE(other_.contains(image.manifest.layers[0]));

  std::ofstream(store_.blob_path(image.manifest.layers[0].digest)) << bytes;
  EXPECT_THROW(oci::export_image(store_, image.descriptor, at("docker-archive", "bad.tar"), {}),
               base::Error);
  EXPECT_FALSE(fs::exists(folder_.path() / "bad.tar"));
  EXPECT_FALSE(fs::exists(folder_.path() / "bad.tar.partial"));
  EXPECT_FALSE(store_.contains(image.manifest.layers[0]));
}

TEST_F(ImageFilesTest, Case120ReadsWhatDockerSaveWrote) {
  const auto layer = zoo_tar({file("a")});
  const nlohmann::json config = {
      {"os", "linux"},
      {"architecture", "amd64"},
      {"rootfs", {{"diff_ids", {oci::Digest::of(layer).text(), oci::Digest::of(layer).text()}}}}};
  const nlohmann::json listing = {{{"Config", "c.json"},
                                   {"RepoTags", {"debian:12"}},
                                   {"Layers", {"1/layer.tar", "2/layer.tar"}}},
                                  {{"Config", "c.json"},
                                   {"RepoTags", {"busybox:latest"}},
                                   {"Layers", {"1/layer.tar", "2/layer.tar"}}}};
  write("save.tar",
        zoo_tar({file("1/layer.tar", layer), tests::soft_link("2/layer.tar", "../1/layer.tar"),
                 file("c.json", config.dump()), file("manifest.json", listing.dump())}));

  const auto found = import(other_, at("docker-archive", "save.tar:docker.io/library/debian:12"));

  const auto text = other_.read_blob(found.digest, 1 << 20);
  const auto manifest = oci::parse_manifest(*text, "", "it");
  EXPECT_EQ(manifest.layers.at(1).digest, oci::Digest::of(layer));
  EXPECT_EQ(error_of(at("docker-archive", "save.tar")).code(), base::ErrorCode::kUsage);
  EXPECT_EQ(error_of(at("docker-archive", "save.tar:alpine")).code(), base::ErrorCode::kNotFound);
}

TEST_F(ImageFilesTest, Case120AHostileDockerArchiveReadsNothingOfTheHost) {
  write("secret", "root:x:0:0");
  const nlohmann::json listing = {
      {{"Config", "c.json"}, {"RepoTags", {"x:1"}}, {"Layers", nlohmann::json::array()}}};
  write("evil.tar", zoo_tar({tests::soft_link("c.json", (folder_.path() / "secret").string()),
                             file("manifest.json", listing.dump())}));
  EXPECT_THAT(error_of(at("docker-archive", "evil.tar")).facts().why,
              HasSubstr("c.json is missing"));

  write("large.tar", zoo_tar({file("manifest.json", "[" + std::string(2 << 20, ' ') + "]")}));
  EXPECT_THAT(error_of(at("docker-archive", "large.tar")).facts().why,
              HasSubstr("larger than the limit"));

  for (const std::string text : {"{}", "7", R"([{"Layers":[]}])", R"([{"Config":7}])", "[",
                                 R"([{"Config":"c.json","Layers":[{}]}])"}) {
    write("odd.tar", zoo_tar({file("manifest.json", text)}));
    EXPECT_NE(error_of(at("docker-archive", "odd.tar")).facts().what, "") << text;
  }
}

TEST_F(ImageFilesTest, ZstdLayersAreUnpackedForDocker) {
  const auto tar = zoo_tar({file("a", std::string(5000, 'a'))});
  auto image = tests::make_image(store_, {tar});
  const auto packed = tests::zstd(tar);
  auto& layer = image.manifest.layers[0];
  layer.digest = store_.put_blob(packed);
  layer.size = packed.size();
  const nlohmann::json manifest = {{"schemaVersion", 2},
                                   {"mediaType", oci::media_type::kOciManifest},
                                   {"config", oci::to_json(image.manifest.config)},
                                   {"layers", {oci::to_json(layer)}}};
  auto descriptor = image.descriptor;
  descriptor.digest = store_.put_blob(manifest.dump());

  oci::export_image(store_, descriptor, at("docker-archive", "z.tar"), {});

  const auto found = import(other_, at("docker-archive", "z.tar"));
  EXPECT_EQ(
      oci::parse_manifest(*other_.read_blob(found.digest, 1 << 20), "", "it").layers.at(0).digest,
      oci::Digest::of(tar));
}
