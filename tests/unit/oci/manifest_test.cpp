// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace {

const std::string kDigest =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kConfig =
    R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + kDigest +
    R"(","size":2})";

std::string manifest(const std::string& more) {
  return R"({"schemaVersion":2,)" + kConfig + more + "}";
}

}  // namespace

TEST(Manifest, ReadsAnOciManifestWithoutMediaType) {
  const auto parsed = oci::parse_manifest(manifest(R"(,"layers":[])"), "", "m");

  EXPECT_EQ(parsed.media_type, oci::media_type::kOciManifest);
  EXPECT_EQ(parsed.config.digest.text(), kDigest);
}

TEST(Manifest, RefusesTheHostileAndTheBroken) {
  for (const std::string& text : {
           manifest(R"(,"layers":[],"manifests":[])"),
           manifest(R"(,"Layers":[])"),
           manifest(R"(,"layers":[],"layers":[])"),
           manifest(R"(,"layers":[{"mediaType":"x","digest":")" + kDigest + R"(","size":-1}])"),
           manifest(R"(,"layers":[{"mediaType":"x","digest":")" + kDigest + R"(","size":1.5}])"),
           manifest(R"(,"layers":[{"mediaType":"x","digest":")" + kDigest +
                    R"(","size":18446744073709551615}])"),
           manifest(R"(,"layers":[{"mediaType":"x","digest":"sha256:../x","size":1}])"),
           std::string(R"({"schemaVersion":1,"fsLayers":[]})"),
           std::string("[]"),
           std::string(""),
           std::string(100'000, '['),
           manifest(R"(,"mediaType":"application/vnd.oci.image.index.v1+json")"),
       }) {
    EXPECT_THROW(oci::parse_manifest(text, "", "m"), base::Error) << text.substr(0, 200);
  }
}

TEST(Manifest, RefusesAMediaTypeThatDiffersFromTheContentType) {
  const auto text = manifest(R"(,"mediaType":"application/vnd.oci.image.manifest.v1+json")");
  EXPECT_THROW(oci::parse_manifest(text, oci::media_type::kDockerManifest, "m"), base::Error);
}

TEST(Index, ChoosesThePlatformAndSkipsAttestations) {
  const auto entry = [](const std::string& os, const std::string& arch) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":")" +
           kDigest + R"(","platform":{"os":")" + os + R"(","architecture":")" + arch + R"("}})";
  };
  const auto index = oci::parse_index(
      R"({"manifests":[)" + entry("unknown", "unknown") + "," + entry("linux", "arm64") + "]}", "",
      "i");

  EXPECT_EQ(&oci::select_platform(index, oci::Platform::parse("arm64"), "i"), &index.manifests[1]);
  try {
    oci::select_platform(index, oci::Platform::parse("amd64"), "i");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.facts().why, "it has: linux/arm64");
  }
}

TEST(ImageConfig, ReadsTheTimeItWasMade) {
  const auto created = [](const std::string& time) {
    return oci::parse_config(R"({"created":")" + time + R"(","rootfs":{"diff_ids":[]}})", "c")
        .created;
  };
  EXPECT_EQ(created("1970-01-02T00:00:00Z"), 86400);
  EXPECT_EQ(created("1970-01-02T00:00:00.123456789Z"), 86400);
  EXPECT_EQ(created("1970-01-02T02:00:00+02:00"), 86400);
  EXPECT_EQ(created("yesterday"), 0);
}
