// SPDX-License-Identifier: Apache-2.0
#include "oci/push.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/layout_index.hpp"
#include "tests/support/fake_registry.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

using testing::Contains;
using testing::HasSubstr;
using tests::file;
using tests::zoo_tar;

class PushTest : public testing::Test {
 protected:
  oci::PushResult push(const oci::Descriptor& top, const oci::PushOptions& options = {}) {
    return oci::push_image(registry_, store_, top, destination_, options, {}, {});
  }
  tests::MadeImage image(const std::string& name) {
    return tests::make_image(store_, {zoo_tar({file("base")}), zoo_tar({file(name)})});
  }
  oci::Descriptor two_platforms() {
    return tests::make_index(store_,
                             {{"amd64", image("a").descriptor}, {"arm64", image("b").descriptor}});
  }
  /// An image whose only layer is foreign, and not in the store unless `present`.
  oci::Descriptor foreign_image(bool present) {
    auto made = image("foreign");
    auto layer = made.manifest.layers[1];
    if (!present) store_.remove_blob(layer.digest);
    layer.media_type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    const auto text = nlohmann::json{{"schemaVersion", 2},
                                     {"config", oci::to_json(made.manifest.config)},
                                     {"layers", {oci::to_json(layer)}}}
                          .dump();
    made.descriptor.digest = store_.put_blob(text);
    made.descriptor.size = text.size();
    return made.descriptor;
  }

  base::TempDir folder_{base::temp_root(), "push_test"};
  oci::Store store_{folder_.path() / "store"};
  tests::FakeRegistry registry_;
  oci::Reference destination_ = oci::Reference::parse("reg.io/team/demo:1");
};

}  // namespace

TEST_F(PushTest, Case257TheManifestGoesLastAndAsItIs) {
  const auto made = image("a");

  const auto result = push(made.descriptor);

  EXPECT_EQ(result.sent_blobs, 3U);
  EXPECT_EQ(registry_.calls.back(), "put 1");
  EXPECT_EQ(registry_.count("put"), 1U);
  const auto& stored = registry_.manifests.at("1");
  EXPECT_EQ(stored.descriptor.digest, made.descriptor.digest);
  EXPECT_EQ(stored.descriptor.media_type, made.manifest.media_type);
}

TEST_F(PushTest, Case264TheManifestDescribesTheBytesThatWereSent) {
  const auto made = image("a");

  push(made.descriptor);

  for (const auto& layer : made.manifest.layers) {
    EXPECT_EQ(oci::Digest::of(registry_.blobs.at(layer.digest)), layer.digest);
    EXPECT_EQ(registry_.blobs.at(layer.digest).size(), layer.size);
  }
}

TEST_F(PushTest, Case262AnIndexAndItsNameComeLast) {
  const auto top = two_platforms();

  const auto result = push(top);

  EXPECT_EQ(result.sent_blobs, 5U) << "the base layer is shared";
  const auto& calls = registry_.calls;
  ASSERT_EQ(calls.size(), 8U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_THAT(calls[i], testing::StartsWith("send "));
  EXPECT_THAT(calls[5], testing::StartsWith("put sha256:"));
  EXPECT_THAT(calls[6], testing::StartsWith("put sha256:"));
  EXPECT_EQ(calls[7], "put 1");
  EXPECT_EQ(registry_.manifests.at("1").descriptor.digest, top.digest);
}

TEST_F(PushTest, Case262NothingIsNamedWhenOnePlatformFails) {
  const auto second = image("b");
  const auto top =
      tests::make_index(store_, {{"amd64", image("a").descriptor}, {"arm64", second.descriptor}});
  for (const auto& call : {"send " + second.manifest.layers[1].digest.text(),
                           "put " + second.descriptor.digest.text()}) {
    registry_.before = [&](const std::string& seen) {
      if (seen != call) return;
      throw base::Error(
          {.code = base::ErrorCode::kRegistry, .what = "no", .why = "500", .hint = ""});
    };

    EXPECT_THROW(push(top), base::Error) << call;

    EXPECT_THAT(registry_.calls, Contains(call));
    EXPECT_FALSE(registry_.manifests.contains("1")) << call;
    EXPECT_FALSE(registry_.manifests.contains(top.digest.text())) << call;
  }
}

TEST_F(PushTest, Case262ASecondPushSendsOnlyWhatIsMissing) {
  const auto second = image("b");
  const auto top =
      tests::make_index(store_, {{"amd64", image("a").descriptor}, {"arm64", second.descriptor}});
  const auto fatal = "send " + second.manifest.layers[1].digest.text();
  registry_.before = [&](const std::string& call) {
    if (call != fatal) return;
    throw base::Error({.code = base::ErrorCode::kNetwork, .what = "no", .why = "cut", .hint = ""});
  };
  EXPECT_THROW(push(top, {.mount_from = "", .parallel = 1}), base::Error);
  const auto there = registry_.blobs.size();
  registry_.before = {};

  const auto result = push(top);

  EXPECT_EQ(result.present_blobs, there);
  EXPECT_EQ(result.sent_blobs, 5 - there);
  EXPECT_GT(there, 0U);
}

TEST_F(PushTest, Case262AnIncompleteIndexSendsNothing) {
  const auto second = image("b");
  const auto top =
      tests::make_index(store_, {{"amd64", image("a").descriptor}, {"arm64", second.descriptor}});
  store_.remove_blob(second.manifest.layers[1].digest);

  EXPECT_THROW(push(top), base::Error);

  EXPECT_TRUE(registry_.calls.empty());
}

TEST_F(PushTest, Case259ForeignLayersAreSentOnlyWhenAskedFor) {
  const auto absent = foreign_image(false);
  push(absent);
  EXPECT_EQ(registry_.count("send"), 1U) << "the config";
  EXPECT_TRUE(registry_.manifests.contains("1"));
  EXPECT_THROW(push(absent, {.mount_from = "", .nondistributable = true}), base::Error);

  const auto present = foreign_image(true);
  push(present, {.mount_from = "", .nondistributable = true});
  EXPECT_EQ(registry_.count("send"), 2U);
}

TEST_F(PushTest, ADestinationOfAnotherDigestIsRefused) {
  const auto made = image("a");
  destination_.digest = oci::Digest::of("other");
  EXPECT_THROW(push(made.descriptor), base::Error);
  EXPECT_TRUE(registry_.calls.empty());

  destination_.digest = made.descriptor.digest;
  EXPECT_NO_THROW(push(made.descriptor));
}

TEST_F(PushTest, ProgressEndsAtTheTotal) {
  const auto made = image("a");
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  oci::push_image(registry_, store_, made.descriptor, destination_,
                  {.mount_from = "", .parallel = 1},
                  [&](std::uint64_t done, std::uint64_t all) {
                    last = done;
                    total = all;
                  },
                  {});

  EXPECT_GT(total, 0U);
  EXPECT_EQ(last, total);
}
