// SPDX-License-Identifier: Apache-2.0
#include "oci/manifest.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"
#include "base/error.hpp"

namespace {

using testing::HasSubstr;

const std::string kDigest =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const std::string kConfig =
    R"("config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + kDigest +
    R"(","size":2})";

std::string manifest(const std::string& more) {
  return R"({"schemaVersion":2,)" + kConfig + more + "}";
}

/// A manifest of one layer with these fields beside its mediaType.
std::string with_layer(const std::string& fields) {
  return manifest(R"(,"layers":[{"mediaType":"x",)" + fields + "}]");
}

std::string entry(const std::string& os, const std::string& arch, const std::string& more = "") {
  return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":")" +
         kDigest + R"(","platform":{"os":")" + os + R"(","architecture":")" + arch + "\"" + more +
         "}}";
}

oci::Index index_of(const std::string& entries) {
  return oci::parse_index(R"({"manifests":[)" + entries + "]}", "", "i");
}

/// Why the manifest is refused; "" when it is not.
std::string refusal(const std::string& text, std::string_view media_type = "") {
  try {
    static_cast<void>(oci::parse_manifest(text, media_type, "m"));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    return error.facts().why;
  }
  return "";
}

}  // namespace

TEST(Manifest, ReadsAnOciManifestWithoutMediaType) {
  const auto parsed = oci::parse_manifest(manifest(R"(,"layers":[])"), "", "m");

  EXPECT_EQ(parsed.media_type, oci::media_type::kOciManifest);
  EXPECT_EQ(parsed.config.digest.text(), kDigest);
}

TEST(Manifest, RefusesWhatIsNoManifest) {
  for (const std::string& text :
       {std::string("[]"), std::string(""), std::string("{}"), std::string("null"),
        manifest(R"(,"layers":{})"), manifest(R"(,"layers":[7])"), manifest(R"(,"subject":7)"),
        manifest(R"(,"mediaType":"application/vnd.oci.image.index.v1+json")"),
        std::string(R"({"config":[],"layers":[]})")}) {
    EXPECT_NE(refusal(text), "") << text;
  }
  EXPECT_THROW(oci::parse_index(R"({"manifests":[],"mediaType":"text/plain"})", "", "i"),
               base::Error);
}

TEST(Manifest, Case095ADocumentThatIsManifestAndIndexIsAmbiguous) {
  const std::string entries = R"("manifests":[)" + entry("linux", "amd64") + "]";
  for (const std::string& text :
       {manifest(R"(,"layers":[],)" + entries), "{" + kConfig + "," + entries + "}",
        R"({"layers":[],)" + entries + "}",
        R"({"mediaType":"application/vnd.oci.image.index.v1+json","layers":[],)" + entries + "}",
        manifest(R"(,"mediaType":"application/vnd.oci.image.manifest.v1+json",)" + entries)}) {
    EXPECT_THAT(refusal(text), HasSubstr("at once")) << text;
    EXPECT_THROW(oci::parse_index(text, "", "i"), base::Error) << text;
    EXPECT_THROW(oci::detect_media_type(text, "d"), base::Error) << text;
  }
}

TEST(Manifest, Case096KeysInAnotherCaseAreRefused) {
  for (const std::string key : {"Manifests", "LAYERS", "Config", "mediatype", "SchemaVersion",
                                "FSLayers", "Subject", "artifacttype"}) {
    EXPECT_THAT(refusal(manifest(",\"" + key + "\":[]")), HasSubstr("\"" + key + "\"")) << key;
  }
  for (const std::string key : {"Digest", "SIZE", "mediatype", "URLs", "Data", "Platform"}) {
    const auto text = with_layer(R"("size":1,"digest":")" + kDigest + "\",\"" + key + "\":1");
    EXPECT_THAT(refusal(text), HasSubstr("\"" + key + "\"")) << key;
  }
}

TEST(Manifest, Case097AKeyThatStandsTwiceIsRefused) {
  for (const std::string& text :
       {manifest(R"(,"layers":[],"layers":[])"), manifest(R"(,"\u006cayers":[],"layers":[])"),
        manifest(R"(,"annotations":{"a":"1","a":"2"})"),
        with_layer(R"("size":1,"size":2,"digest":")" + kDigest + "\"")}) {
    EXPECT_THAT(refusal(text), HasSubstr("twice")) << text;
  }
}

TEST(Manifest, Case098AMediaTypeThatDiffersFromTheContentTypeIsRefused) {
  const auto text = manifest(R"(,"mediaType":"application/vnd.oci.image.manifest.v1+json")");

  EXPECT_THAT(refusal(text, oci::media_type::kDockerManifest), HasSubstr("it was sent as"));
  EXPECT_EQ(refusal(text, oci::media_type::kOciManifest), "");
}

TEST(Manifest, Case100Schema1IsRefusedWithAHint) {
  for (const std::string text : {R"({"schemaVersion":1,"fsLayers":[],"history":[]})",
                                 R"({"schemaVersion":1,"name":"a","signatures":[]})"}) {
    try {
      static_cast<void>(oci::detect_media_type(text, "m"));
      FAIL() << text;
    } catch (const base::Error& error) {
      EXPECT_THAT(error.facts().why, HasSubstr("schema 1"));
      EXPECT_THAT(error.facts().hint, HasSubstr("push the image again"));
    }
  }
}

TEST(Manifest, Case101AnUnknownArtifactOrLayerTypeIsNoErrorInAListing) {
  const auto parsed = oci::parse_manifest(
      manifest(R"(,"artifactType":"application/x-chart","layers":[{"mediaType":"text/x-new",)"
               R"("size":1,"digest":")" +
               kDigest + R"("}])"),
      "", "m");

  EXPECT_EQ(parsed.artifact_type, "application/x-chart");
  EXPECT_EQ(parsed.layers.at(0).media_type, "text/x-new");
  const auto index = index_of(R"({"mediaType":"text/x-new","size":1,"digest":")" + kDigest +
                              "\"}," + entry("linux", "amd64"));
  EXPECT_EQ(&oci::select_platform(index, oci::Platform::parse("amd64"), "i"), &index.manifests[1]);
}

TEST(Manifest, Case102ASizeMustBeAWholeNumberThatJsonCanHold) {
  for (const std::string size : {"-1", "1.5", "1.0", "1e3", "\"1\"", "9007199254740993", "null",
                                 "18446744073709551615", "18446744073709551616", "true"}) {
    EXPECT_THAT(refusal(with_layer(R"("digest":")" + kDigest + R"(","size":)" + size)),
                HasSubstr("size"))
        << size;
  }
  EXPECT_THAT(refusal(with_layer(R"("digest":")" + kDigest + "\"")), HasSubstr("size"));
  EXPECT_EQ(refusal(with_layer(R"("size":9007199254740992,"digest":")" + kDigest + "\"")), "");
}

TEST(Manifest, Case103ADigestOutsideTheGrammarIsRefused) {
  for (const std::string digest : {"sha256:../x", "sha256:abc", "", "../../etc/passwd"}) {
    EXPECT_THAT(refusal(with_layer(R"("size":1,"digest":")" + digest + "\"")),
                HasSubstr("not a digest"))
        << digest;
  }
  EXPECT_NE(refusal(with_layer(R"("size":1,"digest":7)")), "");
}

TEST(Manifest, Case104AnUnregisteredAlgorithmIsToldOfPlainly) {
  const std::string hex(64, 'a');

  EXPECT_THAT(refusal(with_layer(R"("size":1,"digest":"blake3:)" + hex + "\"")),
              HasSubstr("'blake3:" + hex + "' is not a digest we support"));
  EXPECT_EQ(refusal(with_layer(R"("size":1,"digest":"sha512:)" + hex + hex + "\"")), "");
}

TEST(Manifest, Case105EmbeddedContentCountsOnlyWhenSizeAndDigestMatch) {
  const auto data_of = [](std::string_view claimed, std::size_t size, const std::string& data) {
    const auto text = with_layer(fmt::format(R"("size":{},"digest":"{}","data":{})", size,
                                             oci::Digest::of(claimed).text(), data));
    return oci::parse_manifest(text, "", "m").layers.at(0).data;
  };
  const auto quoted = [](std::string_view bytes) {
    return "\"" + base::base64_encode(bytes) + "\"";
  };

  EXPECT_EQ(data_of("{}", 2, quoted("{}")), "{}");
  EXPECT_EQ(data_of("{}", 3, quoted("{}")), "");
  EXPECT_EQ(data_of("{}", 2, quoted("[]")), "");
  EXPECT_EQ(data_of("{}", 2, "\"not base64!\""), "");
  EXPECT_EQ(data_of("{}", 2, "7"), "");
}

TEST(Index, Case106NoEntryForOurPlatformListsWhatIsThere) {
  const auto index = index_of(entry("linux", "arm64") + "," + entry("windows", "amd64"));
  try {
    oci::select_platform(index, oci::Platform::parse("amd64"), "i");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
    EXPECT_EQ(error.facts().why, "it has: linux/arm64, windows/amd64");
  }
  EXPECT_THROW(oci::select_platform(index_of(""), oci::Platform::parse("amd64"), "i"), base::Error);
}

TEST(Index, Case107TheFirstOfTheBestMatchesIsTaken) {
  const auto chosen = [](const std::string& wish, const std::vector<std::string>& entries) {
    const auto index = index_of(fmt::format("{}", fmt::join(entries, ",")));
    return &oci::select_platform(index, oci::Platform::parse(wish), "i") - index.manifests.data();
  };
  const auto arm64 = entry("linux", "arm64");
  const auto arm64_v8 = entry("linux", "arm64", R"(,"variant":"v8")");
  const auto arm64_v9 = entry("linux", "arm64", R"(,"variant":"v9")");
  const auto amd64 = entry("linux", "amd64");
  const auto amd64_v3 = entry("linux", "amd64", R"(,"variant":"v3")");
  const auto old = entry("linux", "amd64", R"(,"os.version":"10.0")");

  EXPECT_EQ(chosen("arm64", {arm64_v8, arm64}), 0);
  EXPECT_EQ(chosen("arm64", {arm64_v9, arm64_v8}), 1);
  EXPECT_EQ(chosen("linux/arm64/v8", {amd64, arm64}), 1);
  EXPECT_EQ(chosen("amd64", {amd64_v3, amd64, amd64}), 1);
  EXPECT_EQ(chosen("amd64", {amd64_v3}), 0);
  EXPECT_EQ(chosen("linux/amd64/v3", {amd64, amd64_v3}), 1);
  EXPECT_EQ(chosen("amd64", {old, amd64}), 0);
}

TEST(Index, Case109AttestationsAreNeverChosen) {
  const auto index = index_of(entry("unknown", "unknown") + "," + entry("linux", "arm64"));

  EXPECT_EQ(&oci::select_platform(index, oci::Platform::parse("arm64"), "i"), &index.manifests[1]);
  EXPECT_THROW(oci::select_platform(index, oci::Platform::parse("unknown/unknown"), "i"),
               base::Error);
}

TEST(ImageConfig, Case111EveryLayerHasOneDiffId) {
  const auto parsed =
      oci::parse_manifest(with_layer(R"("size":1,"digest":")" + kDigest + "\""), "", "m");
  const auto config = [](const std::string& ids) {
    return oci::parse_config(R"({"rootfs":{"diff_ids":[)" + ids + "]}}", "c");
  };

  EXPECT_NO_THROW(oci::check_layers_match(parsed, config("\"" + kDigest + "\""), "m"));
  EXPECT_THROW(oci::check_layers_match(parsed, config(""), "m"), base::Error);
  EXPECT_THROW(
      oci::check_layers_match(parsed, config("\"" + kDigest + "\",\"" + kDigest + "\""), "m"),
      base::Error);
  EXPECT_THROW(config("\"sha256:abc\""), base::Error);
  EXPECT_THROW(config("7"), base::Error);
}

TEST(Manifest, Case113ZeroLayersAreAManifestToo) {
  EXPECT_TRUE(oci::parse_manifest(manifest(R"(,"layers":[])"), "", "m").layers.empty());
  EXPECT_TRUE(oci::parse_manifest(manifest(""), "", "m").layers.empty());
}

TEST(Manifest, Case116NamesAreDataAndAreEscapedInMessages) {
  const auto parsed =
      oci::parse_manifest(manifest(R"(,"annotations":{"a\u0000b":"\u001b[31mred"})"), "", "m");

  EXPECT_EQ(parsed.annotations.at(std::string("a\0b", 3)), "\x1b[31mred");
  EXPECT_THAT(refusal(manifest(R"(,"annotations":{"\u001b[2J":7})")), HasSubstr("\\x1b[2J"));
  EXPECT_THAT(refusal(manifest(R"(,"a\u009b":1,"a\u009b":1)")), HasSubstr("a\\xc2\\x9b"));
  EXPECT_THAT(refusal(manifest(",\"annotations\":{\"a\":\"\xff\"}")), HasSubstr("\\xff"));
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
