// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "registry_fixture.hpp"

namespace {

using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

class RealRegistry : public testing::Test {
 protected:
  void SetUp() override {
    if (!DockerRegistry::is_installed()) GTEST_SKIP() << "docker-registry is not installed";
    certificates_.emplace(folder_.path());
    registry_.emplace(*certificates_);
  }
  std::unique_ptr<oci::Registry> client(const std::string& password) {
    base::HttpClientOptions http;
    http.trust.ca_dirs = {certificates_->ca_dir};
    return make_client(
        {.keychain = keychain_of(config_for(registry_->host(), "bob", password)), .http = http});
  }
  base::TempDir folder_{base::temp_root(), "real-registry"};
  std::optional<TestCertificates> certificates_;
  std::optional<DockerRegistry> registry_;
};

}  // namespace

TEST_F(RealRegistry, TakesAnImageAndGivesItBack) {
  const auto layer = noise(5U << 20);
  base::write_file_atomically(folder_.path() / "layer", layer);
  const auto target = demo(registry_->host());
  const auto other = oci::Reference::parse(registry_->host() + "/team/other:1");
  const auto client = this->client("canary-pass");
  const std::string manifest =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)"
      R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" +
      oci::Digest::of(layer).text() + R"(","size":)" + std::to_string(layer.size()) +
      R"(},"layers":[]})";

  const bool sent =
      client->push_blob(target, descriptor_of(layer), folder_.path() / "layer", "", {}, {});
  const bool sent_again =
      client->push_blob(target, descriptor_of(layer), folder_.path() / "layer", "", {}, {});
  const bool sent_other = client->push_blob(other, descriptor_of(layer), folder_.path() / "layer",
                                            target.repository, {}, {});
  client->push_manifest(target, std::string(oci::media_type::kOciManifest), manifest, {});
  const auto resolved = client->resolve(target, {});
  const auto document = client->manifest(target, {});
  StringSink sink;
  sink.bytes = layer.substr(0, 12345);
  client->fetch_blob(target, descriptor_of(layer), sink, {});

  EXPECT_TRUE(sent);
  EXPECT_FALSE(sent_again);
  EXPECT_FALSE(sent_other) << "mounted";
  EXPECT_TRUE(client->has_blob(other, descriptor_of(layer), {}));
  EXPECT_EQ(document.bytes, manifest);
  EXPECT_EQ(resolved.digest, document.descriptor.digest);
  EXPECT_EQ(sink.bytes, layer);
  EXPECT_EQ(sink.restarts, 0);
}

TEST_F(RealRegistry, RejectsAWrongPassword) {
  const auto error = error_of([&] { client("wrong")->manifest(demo(registry_->host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
  EXPECT_THAT(base::render(error), HasSubstr("user 'bob'"));
  EXPECT_THAT(base::render(error), Not(HasSubstr("wrong'")));
}

TEST_F(RealRegistry, SaysThatAnImageIsNotThere) {
  const auto error =
      error_of([&] { client("canary-pass")->manifest(demo(registry_->host()), {}); });

  EXPECT_EQ(error.code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(error.facts().what, HasSubstr("team/demo:1"));
}
