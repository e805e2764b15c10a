// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.hpp"
#include "registry_fixture.hpp"

namespace {

using nlohmann::json;
using testing::HasSubstr;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

/// A registry with a script and a blob in a file to push there.
struct Push {
  explicit Push(json script = json::array(), std::vector<std::string> arguments = {})
      : registry({.script = std::move(script),
                  .arguments = std::move(arguments),
                  .certificates = nullptr}),
        bytes(noise(300000)) {
    base::write_file_atomically(folder.path() / "blob", bytes);
  }
  bool run(const std::string& mount_from = "") {
    return make_client()->push_blob(demo(registry.host()), descriptor_of(bytes),
                                    folder.path() / "blob", mount_from,
                                    [this](std::uint64_t count) { sent += count; }, {});
  }
  [[nodiscard]] bool arrived() const { return registry.has_blob(oci::Digest::of(bytes)); }

  base::TempDir folder{base::temp_root(), "push"};
  FaultRegistry registry;
  std::string bytes;
  std::uint64_t sent = 0;
};

}  // namespace

TEST(RegistryPush, SendsABlobInOneRequest) {
  Push push;

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.sent, push.bytes.size());
  EXPECT_EQ(push.registry.count("PUT", "/uploads/"), 1U);
  EXPECT_EQ(push.registry.count("PUT", "_state=secret&digest=sha256%3A"), 1U);
}

TEST(RegistryPush, SendsAnEmptyBlob) {
  Push push;
  push.bytes.clear();
  base::write_file_atomically(push.folder.path() / "blob", "");

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
}

TEST(RegistryPush, SendsNothingThatIsThere) {
  Push push;
  push.registry.put_blob(push.bytes);

  EXPECT_FALSE(push.run());

  EXPECT_EQ(push.registry.count("POST", ""), 0U);
  EXPECT_EQ(push.sent, 0U);
}

TEST(RegistryPush, MountsFromAnotherRepository) {
  Push push(json::array({{{"method", "HEAD"}, {"path", "/blobs/"}, {"status", 404}}}));
  push.registry.put_blob(push.bytes);

  EXPECT_FALSE(push.run("team/base"));

  EXPECT_EQ(push.registry.count("PUT", ""), 0U);
}

TEST(RegistryPush, SendsWhatCannotBeMounted) {
  for (const int status : {202, 404, 401}) {
    Push push(
        status == 202
            ? json::array()
            : json::array(
                  {{{"method", "POST"}, {"path", "mount="}, {"times", -1}, {"status", status}}}));

    EXPECT_TRUE(push.run("team/base")) << status;

    EXPECT_TRUE(push.arrived()) << status;
  }
}

TEST(RegistryPush, SendsPiecesWhereTheWholeIsRefused) {
  Push push(json::array(), {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("PATCH", "/uploads/"), 5U);
  EXPECT_EQ(push.sent, push.bytes.size());
}

TEST(RegistryPush, MakesPiecesAsLargeAsTheRegistryWants) {
  Push push(json::array({{{"method", "POST"},
                          {"path", "/uploads/"},
                          {"times", -1},
                          {"headers", {{"OCI-Chunk-Min-Length", "200000"}}}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_EQ(push.registry.count("PATCH", "/uploads/"), 2U);
}

TEST(RegistryPush, GoesOnWithPiecesWhereTheConnectionBroke) {
  Push push(json::array({{{"method", "PATCH"}, {"skip", 1}, {"drop_after_handling", true}},
                         {{"method", "PATCH"}, {"skip", 2}, {"status", 503}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_GE(push.registry.count("GET", "/uploads/"), 1U);
}

TEST(RegistryPush, StartsAgainWhenThePutBreaks) {
  Push push(json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"close", true}}}));

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
}

TEST(RegistryPush, FindsABlobWhoseConfirmationWasLost) {
  Push push(
      json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"drop_after_handling", true}}}));

  EXPECT_TRUE(push.run());

  EXPECT_EQ(push.registry.count("PUT", "/uploads/"), 1U);
  EXPECT_EQ(push.registry.count("HEAD", "/blobs/"), 2U);
}

TEST(RegistryPush, SaysThatTheBlobIsTooLarge) {
  Push push(json::array({{{"method", "PUT"}, {"status", 413}, {"times", -1}},
                         {{"method", "PATCH"}, {"status", 413}, {"times", -1}}}));

  const auto error = error_of([&] { push.run(); });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("413"));
  EXPECT_THAT(error.facts().hint, HasSubstr("size"));
  EXPECT_EQ(push.registry.count("PUT", "") + push.registry.count("PATCH", ""), 2U);
  EXPECT_GE(push.registry.count("DELETE", "/uploads/"), 1U);
}

TEST(RegistryPush, Case041SendsTheCredentialToNoOtherHost) {
  const std::string config = "canary-pass";
  FaultRegistry registry(
      {.script = json::array(
           {{{"method", "POST"},
             {"path", "/uploads/"},
             {"times", -1},
             {"skip", 0},
             {"headers", {{"Location", "http://127.0.0.1:{storage_port}/upload?sig=1"}}}},
            {{"server", "storage"}, {"method", "PUT"}, {"status", 201}, {"times", -1}}}),
       .arguments = {"--user", "bob", "--password", config},
       .certificates = nullptr});
  const base::TempDir folder(base::temp_root(), "push");
  base::write_file_atomically(folder.path() / "blob", "layer");
  const auto client = make_client(
      {.keychain = keychain_of(config_for(registry.host(), "bob", config)), .http = {}});

  EXPECT_TRUE(client->push_blob(demo(registry.host()), descriptor_of("layer"),
                                folder.path() / "blob", "", {}, {}));

  EXPECT_EQ(registry.count("PUT", "/upload?sig=1"), 1U);
  for (const auto& request : registry.requests()) {
    if (request.at("server") == "storage") {
      EXPECT_FALSE(request.at("headers").contains("Authorization"));
    }
  }
}

TEST(RegistryPush, StoresAManifestByteForByte) {
  const FaultRegistry registry({});
  const std::string bytes = "{ \"schemaVersion\":2,  \"config\":{}, \"layers\":[] }\n";
  const auto client = make_client();

  client->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest), bytes,
                        {});

  const auto document = client->manifest(demo(registry.host()), {});
  EXPECT_EQ(document.bytes, bytes);
  EXPECT_EQ(document.descriptor.media_type, oci::media_type::kOciManifest);
}
