// SPDX-License-Identifier: Apache-2.0
#include "oci/image_signature.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/envelope.hpp"
#include "oci/signature_bundle.hpp"
#include "tests/support/fake_registry.hpp"

namespace {

using nlohmann::json;

const std::string kImage = "{\"an\": \"image\"}";
constexpr const char* kSignPredicate = "https://sigstore.dev/cosign/sign/v1";

class ImageSignature : public testing::Test {
 protected:
  oci::SigningKey make_key() {
    const auto path = folder_.path() / "key";
    auto* key = ::EVP_EC_gen("P-256");
    auto* file = std::fopen(path.c_str(), "w");
    EXPECT_EQ(::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
    std::fclose(file);
    ::EVP_PKEY_free(key);
    return oci::SigningKey::read_private(path);
  }
  static json statement(const oci::Digest& image) {
    return {{"_type", "https://in-toto.io/Statement/v1"},
            {"subject", {{{"digest", {{"sha256", std::string(image.hex())}}}}}},
            {"predicateType", kSignPredicate},
            {"predicate", json::object()}};
  }
  static json bundle_of(const json& envelope) {
    return {{"mediaType", oci::kBundleType},
            {"verificationMaterial", {{"publicKey", {{"hint", "a hint"}}}}},
            {"dsseEnvelope", envelope}};
  }
  [[nodiscard]] json bundle(const json& statement) const {
    return bundle_of(json::parse(oci::sealed(statement.dump(), key_)));
  }
  [[nodiscard]] bool counts(const json& bundle) const {
    return oci::bundle_signs(bundle.dump(), image_, {&key_, 1});
  }
  void put_blob(const std::string& bytes) { registry_.blobs[oci::Digest::of(bytes)] = bytes; }
  /// As cosign 3 attaches it.
  void attach(const std::string& bundle) {
    put_blob(bundle);
    const auto blob = [](const std::string& bytes, std::string_view type) {
      return json{
          {"mediaType", type}, {"digest", oci::Digest::of(bytes).text()}, {"size", bytes.size()}};
    };
    const auto manifest = json{{"schemaVersion", 2},
                               {"mediaType", oci::media_type::kOciManifest},
                               {"artifactType", oci::kBundleType},
                               {"config", blob("{}", "application/vnd.oci.empty.v1+json")},
                               {"layers", {blob(bundle, oci::kBundleType)}},
                               {"subject", blob(kImage, oci::media_type::kOciManifest)}}
                              .dump();
    auto place = repository_;
    place.digest = oci::Digest::of(manifest);
    registry_.push_manifest(place, std::string(oci::media_type::kOciManifest), manifest, {});
  }
  void require(const oci::SigningKey& key) {
    oci::require_signature(registry_, repository_, image_, {&key, 1}, {});
  }

  base::TempDir folder_{base::temp_root(), "signature"};
  oci::SigningKey key_ = make_key();
  oci::Digest image_ = oci::Digest::of(kImage);
  oci::Reference repository_ = oci::Reference::parse("registry.example.com/os/image:1");
  tests::FakeRegistry registry_;
};

}  // namespace

TEST_F(ImageSignature, ABundleThatIsAttachedCounts) {
  attach(bundle(statement(image_)).dump());

  EXPECT_NO_THROW(require(key_));
  EXPECT_THROW(require(make_key()), base::Error);
}

TEST_F(ImageSignature, OneOfSeveralBundlesIsEnough) {
  attach("no bundle");
  attach("{\"dsseEnvelope\": 1}");
  attach(bundle(statement(oci::Digest::of("another"))).dump());
  EXPECT_THROW(require(key_), base::Error);

  attach(bundle(statement(image_)).dump());

  EXPECT_NO_THROW(require(key_));
}

TEST_F(ImageSignature, ABlobThatIsNotWhatItsDigestSaysDoesNotCount) {
  const auto good = bundle(statement(image_)).dump();
  attach("no bundle of any sort, but of some length: " + std::string(good.size(), 'x'));
  for (auto& [digest, bytes] : registry_.blobs) bytes.replace(0, good.size(), good);

  EXPECT_THROW(require(key_), base::Error);
}

TEST_F(ImageSignature, ABundleIsAboutTheImageAndSaysThatItIsSigned) {
  EXPECT_TRUE(counts(bundle(statement(image_))));

  auto attestation = statement(image_);
  attestation["predicateType"] = "https://spdx.dev/Document";
  EXPECT_FALSE(counts(bundle(attestation)));
  auto without_subject = statement(image_);
  without_subject.erase("subject");
  EXPECT_FALSE(counts(bundle(without_subject)));
  auto by_name = statement(image_);
  by_name["subject"] = {{{"name", image_.text()}}};
  EXPECT_FALSE(counts(bundle(by_name)));
  auto of_types = statement(image_);
  of_types["subject"] = {{{"digest", {{"sha256", 1}}}}};
  EXPECT_FALSE(counts(bundle(of_types)));
  EXPECT_FALSE(counts(bundle(json::array())));
}

TEST_F(ImageSignature, OnlyWhatWasSignedCounts) {
  const auto sealed = json::parse(oci::sealed(statement(image_).dump(), key_));
  const auto other = statement(oci::Digest::of("another")).dump();

  auto changed = json::parse(oci::sealed(other, key_));
  changed["payload"] = sealed["payload"];
  EXPECT_FALSE(counts(bundle_of(changed)));
  auto retyped = sealed;
  retyped["payloadType"] = "text/plain";
  EXPECT_FALSE(counts(bundle_of(retyped)));
  auto unsigned_one = sealed;
  unsigned_one["signatures"] = json::array();
  EXPECT_FALSE(counts(bundle_of(unsigned_one)));
  // A signature of the bare payload, as cosign makes for files, is none of the envelope.
  auto bare = sealed;
  bare["signatures"][0]["sig"] = base::base64_encode(key_.sign(statement(image_).dump()));
  EXPECT_FALSE(counts(bundle_of(bare)));
  auto second = sealed;
  second["signatures"].insert(second["signatures"].begin(), {{"keyid", 1}, {"sig", "!!!"}});
  EXPECT_TRUE(counts(bundle_of(second)));
  EXPECT_FALSE(counts({{"mediaType", oci::kBundleType}, {"messageSignature", sealed}}));
}
