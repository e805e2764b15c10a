// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

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

const std::string kManifest = "{ \"schemaVersion\":2,  \"config\":{}, \"layers\":[] }\n";

/// A manifest about kManifest.
std::string referrer(const std::string& name) {
  const auto blob = [](std::string_view bytes, std::string_view type) {
    return json{
        {"mediaType", type}, {"digest", oci::Digest::of(bytes).text()}, {"size", bytes.size()}};
  };
  return json{{"schemaVersion", 2},
              {"mediaType", oci::media_type::kOciManifest},
              {"artifactType", "application/x-" + name},
              {"config", blob("{}", "application/vnd.oci.empty.v1+json")},
              {"layers", json::array()},
              {"subject", blob(kManifest, oci::media_type::kOciManifest)},
              {"annotations", {{"note", name}}}}
      .dump();
}

}  // namespace

TEST(RegistryPush, Case251SendsABlobInOneRequest) {
  Push push;

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.sent, push.bytes.size());
  EXPECT_EQ(push.registry.count("PUT", "/uploads/"), 1U);
  EXPECT_EQ(push.registry.count("PATCH", ""), 0U);
}

TEST(RegistryPush, Case248UsesTheLocationAsItIsAndAppendsTheDigest) {
  for (const auto& [form, separator] : std::vector<std::pair<std::string, std::string>>{
           {"relative", "?_state=secret&"}, {"absolute", "?_state=secret&"}, {"plain", "?"}}) {
    Push push(json::array(), {"--locations", form});

    EXPECT_TRUE(push.run()) << form;

    EXPECT_TRUE(push.arrived()) << form;
    const auto digest = oci::Digest::of(push.bytes);
    const auto end = separator + "digest=sha256%3A" + std::string(digest.hex());
    EXPECT_EQ(push.registry.count("PUT", end), 1U) << form;
  }
}

TEST(RegistryPush, Case249AlwaysUsesTheLatestLocation) {
  Push push(json::array(), {"--refuse-whole-uploads", "--strict-locations"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("PATCH", "_state=secret"), 5U);
  for (const std::string step : {"secret1", "secret2", "secret3", "secret4"}) {
    EXPECT_EQ(push.registry.count("PATCH", "_state=" + step), 1U) << step;
  }
  EXPECT_EQ(push.registry.count("PUT", "_state=secret5&digest="), 1U);
}

TEST(RegistryPush, Case250ToleratesAPatchThatIsAnsweredLikeAPut) {
  Push push(json::array({{{"method", "PATCH"},
                          {"times", -1},
                          {"answer_status", 201},
                          {"headers", {{"Range", "0-0"}}}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("PATCH", ""), 5U);
}

TEST(RegistryPush, SendsAnEmptyBlob) {
  Push push;
  push.bytes.clear();
  base::write_file_atomically(push.folder.path() / "blob", "");

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
}

TEST(RegistryPush, Case255SendsNothingThatIsThere) {
  Push push;
  push.registry.put_blob(push.bytes);

  EXPECT_FALSE(push.run());

  EXPECT_EQ(push.registry.count("POST", ""), 0U);
  EXPECT_EQ(push.sent, 0U);
}

TEST(RegistryPush, Case254MountsFromAnotherRepository) {
  Push push(json::array({{{"method", "HEAD"}, {"path", "/blobs/"}, {"status", 404}}}));
  push.registry.put_blob(push.bytes);

  EXPECT_FALSE(push.run("team/base"));

  EXPECT_EQ(push.registry.count("PUT", ""), 0U);
}

TEST(RegistryPush, Case055Case254SendsWhatCannotBeMounted) {
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

TEST(RegistryPush, Case251SendsPiecesWhereTheWholeIsRefused) {
  Push push(json::array(), {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("PATCH", "/uploads/"), 5U);
  EXPECT_EQ(push.sent, push.bytes.size());
}

TEST(RegistryPush, Case252MakesPiecesAsLargeAsTheRegistryWants) {
  Push push(json::array({{{"method", "POST"},
                          {"path", "/uploads/"},
                          {"times", -1},
                          {"headers", {{"OCI-Chunk-Min-Length", "200000"}}}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_EQ(push.registry.count("PATCH", "/uploads/"), 2U);
}

TEST(RegistryPush, Case253GoesOnWithPiecesWhereTheConnectionBroke) {
  Push push(json::array({{{"method", "PATCH"}, {"skip", 1}, {"drop_after_handling", true}},
                         {{"method", "PATCH"}, {"skip", 2}, {"status", 503}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_GE(push.registry.count("GET", "/uploads/"), 1U);
}

TEST(RegistryPush, Case253APieceThatIsCutGoesOnInItsMiddle) {
  Push push(json::array({{{"method", "PATCH"}, {"skip", 2}, {"cut_request", 30000}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("POST", ""), 2U) << "the whole, then one upload in pieces";
  EXPECT_EQ(push.registry.count("GET", "/uploads/"), 1U);
  std::vector<std::string> ranges;
  for (const auto& request : push.registry.requests()) {
    if (request.at("method") == "PATCH") {
      ranges.push_back(request.at("headers").at("Content-Range").get<std::string>());
    }
  }
  EXPECT_THAT(ranges, testing::ElementsAre("0-65535", "65536-131071", "131072-196607",
                                           "161072-226607", "226608-292143", "292144-299999"));
}

TEST(RegistryPush, Case253APieceOutOfOrderIsSentFromWhereTheRegistryIs) {
  Push push(json::array({{{"method", "PATCH"}, {"skip", 1}, {"status", 416}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("GET", "/uploads/"), 1U);
  EXPECT_EQ(push.registry.count("POST", ""), 2U);
  EXPECT_EQ(push.registry.count("PATCH", ""), 6U);
}

TEST(RegistryPush, Case253AnUploadThatTheRegistryForgotBeginsAgain) {
  Push push(json::array({{{"method", "PATCH"}, {"skip", 1}, {"cut_request", 1000}},
                         {{"method", "GET"}, {"path", "/uploads/"}, {"status", 404}}}),
            {"--refuse-whole-uploads"});

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("POST", ""), 3U);
}

TEST(RegistryPush, Case261AResetInMidBodyGoesOnFromTheFile) {
  Push push(json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"cut_request", 100000}}}));

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("POST", ""), 1U) << "the same upload";
  EXPECT_EQ(push.registry.count("PATCH", ""), 4U) << "what was missing, in pieces";
  EXPECT_EQ(push.registry.count("PUT", ""), 2U) << "the one that was cut, and one commit";
}

TEST(RegistryPush, Case261StartsAgainWhenNothingOfThePutArrived) {
  Push push(json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"close", true}}}));

  EXPECT_TRUE(push.run());

  EXPECT_TRUE(push.arrived());
  EXPECT_EQ(push.registry.count("PUT", ""), 2U);
  EXPECT_EQ(push.registry.count("PATCH", ""), 0U);
}

TEST(RegistryPush, Case256AnUploadThatFailsIsGivenUp) {
  for (const int status : {204, 500}) {
    Push push(json::array({{{"method", "PUT"}, {"status", 403}, {"times", -1}},
                           {{"method", "DELETE"}, {"answer_status", status}, {"times", -1}}}));

    const auto error = error_of([&] { push.run(); });

    EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized) << status;
    EXPECT_EQ(push.registry.count("DELETE", "/uploads/"), 1U) << status;
    EXPECT_FALSE(push.arrived());
  }
}

TEST(RegistryPush, Case256AnInterruptedUploadIsGivenUpAndEndsSoon) {
  for (const int stall : {0, 30}) {
    Push push(json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"stall", 30}},
                           {{"method", "DELETE"}, {"stall", stall}}}));
    std::stop_source stop;
    const std::jthread interrupt([&] {
      while (push.registry.count("PUT", "/uploads/") == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      stop.request_stop();
    });
    const auto start = std::chrono::steady_clock::now();

    const auto error = error_of([&] {
      make_client()->push_blob(demo(push.registry.host()), descriptor_of(push.bytes),
                               push.folder.path() / "blob", "", {}, stop.get_token());
    });

    EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
    EXPECT_EQ(push.registry.count("DELETE", "/uploads/"), 1U);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
  }
}

TEST(RegistryPush, Case263FindsABlobWhoseConfirmationWasLost) {
  Push push(
      json::array({{{"method", "PUT"}, {"path", "/uploads/"}, {"drop_after_handling", true}}}));

  EXPECT_TRUE(push.run());

  EXPECT_EQ(push.registry.count("PUT", "/uploads/"), 1U);
  EXPECT_EQ(push.registry.count("HEAD", "/blobs/"), 2U);
}

TEST(RegistryPush, Case258SaysThatTheBlobIsTooLarge) {
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

TEST(RegistryPush, Case257StoresAManifestByteForByte) {
  const FaultRegistry registry({});
  const auto client = make_client();

  client->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                        kManifest, {});

  const auto document = client->manifest(demo(registry.host()), {});
  EXPECT_EQ(document.bytes, kManifest);
  EXPECT_EQ(document.descriptor.media_type, oci::media_type::kOciManifest);
}

TEST(RegistryPush, Case257AManifestThatIsStoredAsAnotherIsAnError) {
  const FaultRegistry registry(
      {.script = json::array(
           {{{"method", "PUT"},
             {"path", "/manifests/"},
             {"headers", {{"Docker-Content-Digest", oci::Digest::of("other").text()}}}}}),
       .arguments = {},
       .certificates = nullptr});

  const auto error = error_of([&] {
    make_client()->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                                 kManifest, {});
  });

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr(oci::Digest::of("other").text()));
}

TEST(RegistryPush, Case258SaysThatTheManifestIsTooLargeAndAsksOnce) {
  const FaultRegistry registry(
      {.script = json::array({{{"method", "PUT"}, {"status", 413}, {"times", -1}}}),
       .arguments = {},
       .certificates = nullptr});

  const auto error = error_of([&] {
    make_client()->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                                 kManifest, {});
  });

  EXPECT_EQ(error.code(), base::ErrorCode::kRegistry);
  EXPECT_THAT(error.facts().why, HasSubstr("413"));
  EXPECT_THAT(error.facts().hint, HasSubstr("size"));
  EXPECT_EQ(registry.count("PUT", ""), 1U);
}

TEST(RegistryPush, Case263AManifestWhoseConfirmationWasLostIsNotSentAgain) {
  for (const json& fault : {json{{"drop_after_handling", true}}, json{{"answer_status", 502}}}) {
    // Where a kept connection dies, libcurl sends once more by itself: that one is lost too.
    json rule = {{"method", "PUT"}, {"path", "/manifests/"}, {"times", 2}};
    rule.update(fault);
    const FaultRegistry registry(
        {.script = json::array({rule}), .arguments = {}, .certificates = nullptr});

    make_client()->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                                 kManifest, {});

    EXPECT_LE(registry.count("PUT", "/manifests/1"), 2U) << fault;
    EXPECT_EQ(registry.requests().back().at("method"), "HEAD") << fault;
    EXPECT_EQ(registry.count("HEAD", "/manifests/1"), 1U) << fault;
  }
}

TEST(RegistryPush, AManifestWhoseBlobsAreNotFoundForAMomentIsSentAgain) {
  for (const int times : {2, -1}) {
    const FaultRegistry registry(
        {.script = json::array({{{"method", "PUT"},
                                 {"path", "/manifests/"},
                                 {"times", times},
                                 {"status", 400},
                                 {"body", R"({"errors":[{"code":"DIGEST_INVALID"},)"
                                          R"({"code":"MANIFEST_BLOB_UNKNOWN"}]})"}}}),
         .arguments = {},
         .certificates = nullptr});
    const auto push = [&] {
      make_client()->push_manifest(demo(registry.host()),
                                   std::string(oci::media_type::kOciManifest), kManifest, {});
    };

    if (times > 0) {
      EXPECT_NO_THROW(push());
      EXPECT_EQ(registry.count("PUT", ""), 3U);
    } else {
      EXPECT_THAT(error_of(push).facts().why, HasSubstr("MANIFEST_BLOB_UNKNOWN"));
      EXPECT_EQ(registry.count("PUT", ""), 4U);
    }
  }
}

TEST(RegistryPush, Case263AManifestThatDidNotArriveIsSentAgain) {
  const FaultRegistry registry(
      {.script = json::array({{{"method", "PUT"}, {"path", "/manifests/"}, {"close", true}}}),
       .arguments = {},
       .certificates = nullptr});
  const auto client = make_client();

  client->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                        kManifest, {});

  EXPECT_GE(registry.count("PUT", "/manifests/1"), 2U);
  EXPECT_EQ(client->manifest(demo(registry.host()), {}).bytes, kManifest);
}

TEST(RegistryPush, Case260AReferrerIsListedUnderTheTagOfItsSubject) {
  const FaultRegistry registry({});
  const auto client = make_client();
  const auto subject = oci::Digest::of(kManifest);
  const auto type = std::string(oci::media_type::kOciManifest);
  auto target = demo(registry.host());
  const auto push = [&](const std::string& bytes) {
    target.digest = oci::Digest::of(bytes);
    client->push_manifest(target, type, bytes, {});
  };

  push(referrer("one"));
  push(referrer("two"));
  push(referrer("one"));

  auto list = demo(registry.host());
  list.tag = "sha256-" + std::string(subject.hex());
  const auto document = client->manifest(list, {});
  EXPECT_EQ(document.descriptor.media_type, oci::media_type::kOciIndex);
  const auto entries = json::parse(document.bytes).at("manifests");
  ASSERT_EQ(entries.size(), 2U) << document.bytes;
  EXPECT_EQ(entries[0].at("digest"), oci::Digest::of(referrer("one")).text());
  EXPECT_EQ(entries[0].at("artifactType"), "application/x-one");
  EXPECT_EQ(entries[0].at("annotations").at("note"), "one");
}

TEST(RegistryPush, Case260ARegistryThatKeepsTheListItselfIsLeftAlone) {
  const auto subject = oci::Digest::of(kManifest).text();
  const FaultRegistry registry(
      {.script = json::array(
           {{{"method", "PUT"}, {"path", "/manifests/"}, {"headers", {{"OCI-Subject", subject}}}}}),
       .arguments = {},
       .certificates = nullptr});

  make_client()->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                               referrer("one"), {});

  EXPECT_EQ(registry.count("", "/manifests/sha256-"), 0U);
  EXPECT_EQ(registry.count("GET", "/manifests/"), 0U);
  EXPECT_EQ(registry.count("PUT", "/manifests/"), 1U);
}

TEST(RegistryPush, Case260AListThatSomebodyOverwroteIsWrittenAgain) {
  // The first PUT of the list is answered well and forgotten.
  const FaultRegistry registry(
      {.script =
           json::array({{{"method", "PUT"}, {"path", "/manifests/sha256-"}, {"status", 201}}}),
       .arguments = {},
       .certificates = nullptr});

  make_client()->push_manifest(demo(registry.host()), std::string(oci::media_type::kOciManifest),
                               referrer("one"), {});

  EXPECT_EQ(registry.count("PUT", "/manifests/sha256-"), 2U);
  EXPECT_EQ(registry.count("GET", "/manifests/sha256-"), 3U);
}
