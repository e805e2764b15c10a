// SPDX-License-Identifier: Apache-2.0
#include "oci/referrers.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace {

using nlohmann::json;

const auto kSubject = oci::Digest::of("subject");

json blob(std::string_view bytes, const std::string& type) {
  return {{"mediaType", type}, {"digest", oci::Digest::of(bytes).text()}, {"size", bytes.size()}};
}

json manifest() {
  return {{"schemaVersion", 2},
          {"mediaType", oci::media_type::kOciManifest},
          {"config", blob("{}", "application/x-signature")},
          {"layers", json::array()},
          {"subject", blob("subject", std::string(oci::media_type::kOciManifest))}};
}

std::optional<oci::Referral> read(const json& document,
                                  std::string_view type = oci::media_type::kOciManifest) {
  const auto text = document.dump();
  return oci::referral_of(text, type, oci::Digest::of(text), "it");
}

}  // namespace

TEST(Referrers, Case260TheTagIsTheDigestOfTheSubject) {
  EXPECT_EQ(oci::referrers_tag(kSubject), "sha256-" + std::string(kSubject.hex()));

  oci::Hasher hasher("sha512");
  const auto longer = hasher.finish();
  EXPECT_EQ(oci::referrers_tag(longer), "sha512-" + std::string(longer.hex().substr(0, 64)));
}

TEST(Referrers, Case260AnArtifactIsOfItsOwnTypeOrOfItsConfigs) {
  EXPECT_EQ(read(manifest())->artifact_type, "application/x-signature");
  EXPECT_EQ(read(manifest())->subject.digest, kSubject);
  auto named = manifest();
  named["artifactType"] = "application/x-named";
  EXPECT_EQ(read(named)->artifact_type, "application/x-named");
  const json index = {{"schemaVersion", 2},
                      {"mediaType", oci::media_type::kOciIndex},
                      {"manifests", json::array()},
                      {"subject", blob("subject", "x")}};
  EXPECT_EQ(read(index, oci::media_type::kOciIndex)->artifact_type, "");
}

TEST(Referrers, MostManifestsAreAboutNothing) {
  auto plain = manifest();
  plain.erase("subject");
  EXPECT_FALSE(read(plain));
  plain["subject"] = nullptr;
  EXPECT_FALSE(read(plain));
}

TEST(Referrers, Case260AListHasEachOnceAndKeepsWhatElseIsInIt) {
  const auto one = *read(manifest());
  auto other = manifest();
  other["annotations"] = {{"a", "b"}};
  const auto two = *read(other);

  const auto first = *oci::with_referral("", one, "list");
  EXPECT_FALSE(oci::with_referral(first, one, "list"));
  auto marked = json::parse(first);
  marked["x-unknown"] = 7;
  const auto second = json::parse(*oci::with_referral(marked.dump(), two, "list"));

  EXPECT_EQ(second.at("manifests").size(), 2U);
  EXPECT_EQ(second.at("manifests")[1].at("annotations").at("a"), "b");
  EXPECT_EQ(second.at("x-unknown"), 7);
  EXPECT_THROW(oci::with_referral(R"({"config":{}})", one, "list"), base::Error);
}
