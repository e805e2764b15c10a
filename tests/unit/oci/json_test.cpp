// SPDX-License-Identifier: Apache-2.0
#include "oci/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.hpp"
#include "oci/manifest.hpp"

namespace {

using testing::HasSubstr;

const std::string kManifest =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)"
    R"({"mediaType":"c","digest":)"
    R"("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":2,)"
    R"("data":"e30="},"layers":[{"mediaType":"l","digest":)"
    R"("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":7}],)"
    R"("annotations":{"a":"b"}})";

/// Changes, doubles, drops or swaps a few pieces of `text`.
std::string mutated(std::string text, std::mt19937& random) {
  const auto at = [&] { return random() % (text.size() + 1); };
  for (auto rounds = random() % 4 + 1; rounds > 0; --rounds) {
    const auto first = at();
    const auto length = std::min<std::size_t>(random() % 40, text.size() - first);
    const auto piece = text.substr(first, length);
    switch (random() % 4) {
      case 0:
        if (first < text.size()) text[first] = static_cast<char>(random());
        break;
      case 1:
        text.insert(at(), piece);
        break;
      case 2:
        text.erase(first, length);
        break;
      default:
        text.insert(first, 1, "{}[]\",:\\0-e"[random() % 11]);
    }
  }
  return text;
}

}  // namespace

TEST(Json, Case115DepthIsLimitedWhereverItIs) {
  const std::string deep(100'000, '[');
  const std::string closed = deep + std::string(100'000, ']');
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  for (const auto& text : {deep, closed, objects, R"({"config":)" + closed + "}"}) {
    for (const auto& parse : std::vector<std::function<void(const std::string&)>>{
             [](const auto& json) { static_cast<void>(oci::parse_json(json, "it")); },
             [](const auto& json) { static_cast<void>(oci::parse_manifest(json, "", "it")); },
             [](const auto& json) { static_cast<void>(oci::parse_index(json, "", "it")); },
             [](const auto& json) { static_cast<void>(oci::parse_config(json, "it")); }}) {
      try {
        parse(text);
        FAIL() << "nothing was thrown";
      } catch (const base::Error& error) {
        EXPECT_THAT(error.facts().why, HasSubstr("deeper than 64"));
      }
    }
  }
  EXPECT_NO_THROW(
      static_cast<void>(oci::parse_json(std::string(64, '[') + std::string(64, ']'), "it")));
}

TEST(Json, Case097SameKeysOfDifferentObjectsAreFine) {
  EXPECT_NO_THROW(
      static_cast<void>(oci::parse_json(R"({"a":{"a":[{"a":1},{"a":2}]},"b":{"a":1}})", "it")));
  EXPECT_THROW(static_cast<void>(oci::parse_json(R"({"b":[{"a":1,"c":{},"a":2}]})", "it")),
               base::Error);
}

TEST(Json, ADamagedDocumentIsReadOrRefusedButNothingElse) {
  std::mt19937 random(20240229);  // The same every time.
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto text = mutated(kManifest, random);
    try {
      const auto manifest = oci::parse_manifest(text, "", "it");
      EXPECT_EQ(manifest.config.digest.text().size(), manifest.config.digest.hex().size() + 7);
      EXPECT_LE(manifest.config.size, std::uint64_t{1} << 53);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 20'000);
}
