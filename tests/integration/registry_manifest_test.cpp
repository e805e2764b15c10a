// SPDX-License-Identifier: Apache-2.0
// Manifests as registries send them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "oci/pull.hpp"
#include "oci/referrer_lists.hpp"
#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

/// A registry with demo:1 that answers manifests as the script says.
struct Registry {
  explicit Registry(const json& actions = nullptr) : server(options(actions)) {
    bytes = put_image(server, noise(1000));
  }
  static FaultRegistryOptions options(const json& actions) {
    auto script = json::array();
    if (!actions.is_null()) {
      json rule = {{"path", "/manifests/"}, {"times", -1}};
      rule.update(actions);
      script.push_back(rule);
    }
    return {.script = script, .arguments = {}, .certificates = nullptr};
  }
  /// Makes `text` the manifest of demo:1, of this type.
  void put_manifest(const std::string& text, std::string_view type) const {
    server.put_blob(text);
    const json entry = {{"mediaType", type},
                        {"digest", oci::Digest::of(text).text()},
                        {"size", text.size()},
                        {"annotations", {{"org.opencontainers.image.ref.name", "team/demo:1"}}}};
    base::write_file_atomically(
        server.folder() / "index.json",
        json{{"schemaVersion", 2}, {"manifests", json::array({entry})}}.dump());
  }
  oci::ManifestDocument get() const { return make_client()->manifest(demo(server.host()), {}); }
  oci::ResolvedImage resolve() {
    return oci::resolve_image(*make_client(), store, demo(server.host()),
                              oci::Platform::parse("amd64"), {});
  }
  FaultRegistry server;
  std::string bytes;
  base::TempDir folder{base::temp_root(), "manifest-store"};
  oci::Store store{folder.path() / "store"};
};

std::vector<oci::Descriptor> referrers(oci::Registry& registry, const oci::Reference& repository,
                                       std::string_view subject, const std::string& type) {
  return dynamic_cast<oci::ReferrerLists&>(registry).referrers(repository, oci::Digest::of(subject),
                                                               type, {});
}

}  // namespace

TEST(RegistryManifest, ReferrersAreReadPageByPage) {
  const auto entry = [](const std::string& name, const char* type) {
    return json{{"mediaType", oci::media_type::kOciManifest},
                {"digest", oci::Digest::of(name).text()},
                {"size", name.size()},
                {"artifactType", type}};
  };
  const auto page = [](const json& entries) {
    return json{
        {"schemaVersion", 2}, {"mediaType", oci::media_type::kOciIndex}, {"manifests", entries}}
        .dump();
  };
  const auto type = std::string(oci::media_type::kOciIndex);
  const FaultRegistry registry(
      {.script =
           json::array({{{"path", "/referrers/.*page=2"},
                         {"status", 200},
                         {"headers", {{"Content-Type", type}}},
                         {"body", page(json::array({entry("three", "application/x-wanted")}))}},
                        {{"path", "/referrers/"},
                         {"status", 200},
                         {"headers",
                          {{"Content-Type", type},
                           {"Link", "</v2/team/demo/referrers/sha256:0?page=2>; rel=\"next\""}}},
                         {"body", page(json::array({entry("one", "application/x-wanted"),
                                                    entry("two", "application/x-other")}))}}}),
       .arguments = {},
       .certificates = nullptr});

  const auto found =
      referrers(*make_client(), demo(registry.host()), "subject", "application/x-wanted");

  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].digest, oci::Digest::of("one"));
  EXPECT_EQ(found[1].digest, oci::Digest::of("three"));
  EXPECT_EQ(registry.count("GET", "artifactType=application%2Fx-wanted"), 1U);
}

TEST(RegistryManifest, ReferrersAreThoseUnderTheTagWhereTheRegistryKeepsNoLists) {
  for (const int status : {400, 404, 405}) {
    const FaultRegistry registry(
        {.script = json::array({{{"path", "/referrers/"}, {"times", -1}, {"status", status}}}),
         .arguments = {},
         .certificates = nullptr});
    const auto subject = oci::Digest::of("subject");
    const auto client = make_client();
    EXPECT_TRUE(referrers(*client, demo(registry.host()), "subject", "application/x-a").empty());

    const auto list = json{{"schemaVersion", 2},
                           {"mediaType", oci::media_type::kOciIndex},
                           {"manifests", json::array({{{"mediaType", oci::media_type::kOciManifest},
                                                       {"digest", oci::Digest::of("a").text()},
                                                       {"size", 1},
                                                       {"artifactType", "application/x-a"}}})}}
                          .dump();
    auto tag = demo(registry.host());
    tag.tag = "sha256-" + std::string(subject.hex());
    client->push_manifest(tag, std::string(oci::media_type::kOciIndex), list, {});

    EXPECT_EQ(referrers(*client, demo(registry.host()), "subject", "application/x-a").size(), 1U);
    EXPECT_TRUE(referrers(*client, demo(registry.host()), "subject", "application/x-b").empty());
  }
}

TEST(RegistryManifest, Case092OneByteBelowTheLimitIsAccepted) {
  Registry registry;
  auto document = json::parse(registry.bytes);
  document["annotations"]["filler"] = "";
  const auto missing = oci::kMaxManifestBytes - 1 - document.dump().size();
  document["annotations"]["filler"] = std::string(missing, 'x');
  registry.put_manifest(document.dump(), oci::media_type::kOciManifest);

  const auto image = registry.resolve();

  EXPECT_EQ(image.descriptor.size, oci::kMaxManifestBytes - 1);
  EXPECT_EQ(image.manifest.annotations.at("filler").size(), missing);
}

TEST(RegistryManifest, Case093OneByteAboveTheLimitIsRefused) {
  Registry registry;
  auto document = json::parse(registry.bytes);
  document["annotations"]["filler"] = "";
  const auto missing = oci::kMaxManifestBytes + 1 - document.dump().size();
  document["annotations"]["filler"] = std::string(missing, 'x');
  registry.put_manifest(document.dump(), oci::media_type::kOciManifest);

  const auto error = error_of([&] { registry.resolve(); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("larger"));
}

TEST(RegistryManifest, Case093ABodyWithoutAnEndIsCutOffAtTheLimit) {
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n\r\n";
  const Registry registry(json{{"raw", head + std::string(6U << 20, ' ')}});

  const auto error = error_of([&] { registry.get(); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("larger"));
}

TEST(RegistryManifest, Case098AContentTypeThatIsNotTheDocumentsIsRefused) {
  Registry registry(
      json{{"headers", {{"Content-Type", std::string(oci::media_type::kDockerManifest)}}}});

  const auto error = error_of([&] { registry.resolve(); });

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("it was sent as"));
}

TEST(RegistryManifest, Case099ParametersOfTheContentTypeAreIgnored) {
  for (const std::string type :
       {"application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        "Application/vnd.OCI.image.manifest.v1+JSON ;charset=\"UTF-8\"; v=1"}) {
    Registry registry(json{{"headers", {{"Content-Type", type}}}});

    const auto image = registry.resolve();

    EXPECT_EQ(image.descriptor.media_type, oci::media_type::kOciManifest) << type;
    EXPECT_EQ(registry.get().bytes, registry.bytes) << type;
  }
}

TEST(RegistryManifest, Case100Schema1IsRefusedWithAHint) {
  for (const std::string type :
       {"application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json", "application/json"}) {
    Registry registry;
    registry.put_manifest(R"({"schemaVersion":1,"name":"team/demo","tag":"1","fsLayers":[]})",
                          type);

    const auto error = error_of([&] { registry.resolve(); });

    EXPECT_THAT(error.facts().hint, HasSubstr("push the image again")) << type;
  }
}

TEST(RegistryManifest, Case103ADigestOutsideTheGrammarIsNotUsedInAPath) {
  for (const std::string digest : {"sha256:../../../etc/passwd", "sha256:ABC", "junk"}) {
    Registry registry(json{{"method", "HEAD"}, {"headers", {{"Docker-Content-Digest", digest}}}});

    const auto image = registry.resolve();

    EXPECT_EQ(image.descriptor.digest, oci::Digest::of(registry.bytes)) << digest;
    EXPECT_EQ(registry.server.count("GET", digest), 0U);
  }
}
