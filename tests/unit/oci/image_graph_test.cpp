// SPDX-License-Identifier: Apache-2.0
#include "oci/image_graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

using testing::HasSubstr;
using tests::file;
using tests::zoo_tar;

class ImageGraphTest : public testing::Test {
 protected:
  [[nodiscard]] base::Error error_of(const oci::Descriptor& top) const {
    try {
      static_cast<void>(oci::read_graph(store_, top, "demo"));
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Error({});
  }

  base::TempDir folder_{base::temp_root(), "image_graph_test"};
  oci::Store store_{folder_.path() / "store"};
};

}  // namespace

TEST_F(ImageGraphTest, ListsEveryPartOnceAndTheTopLast) {
  const auto shared = zoo_tar({file("base")});
  const auto one = tests::make_image(store_, {shared, zoo_tar({file("a")}), shared});
  const auto two = tests::make_image(store_, {shared, zoo_tar({file("b")})});
  const auto inner = tests::make_index(store_, {{"arm64", two.descriptor}});
  const auto top = tests::make_index(
      store_, {{"amd64", one.descriptor}, {"arm64", inner}, {"linux/386", one.descriptor}});

  const auto graph = oci::read_graph(store_, top, "demo");

  std::vector<oci::Digest> documents;
  for (const auto& document : graph.documents) documents.push_back(document.digest);
  EXPECT_THAT(documents, testing::ElementsAre(one.descriptor.digest, two.descriptor.digest,
                                              inner.digest, top.digest));
  EXPECT_EQ(graph.blobs.size(), 5U) << "three layers and two configs";
}

TEST_F(ImageGraphTest, FindsOutWhatADocumentIsWhenNobodySaid) {
  auto top = tests::make_index(
      store_, {{"amd64", tests::make_image(store_, {zoo_tar({file("a")})}).descriptor}});
  top.media_type.clear();

  const auto graph = oci::read_graph(store_, top, "demo");

  EXPECT_EQ(graph.documents.back().media_type, oci::media_type::kOciIndex);
}

TEST_F(ImageGraphTest, Case108IndexesWithoutEndAreRefused) {
  auto top = tests::make_image(store_, {zoo_tar({file("a")})}).descriptor;
  for (int i = 0; i < 8; ++i) top = tests::make_index(store_, {{"amd64", top}});
  EXPECT_NO_THROW(static_cast<void>(oci::read_graph(store_, top, "demo")));

  for (int i = 0; i < 42; ++i) top = tests::make_index(store_, {{"amd64", top}});

  const auto error = error_of(top);
  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().why, HasSubstr("nested deeper"));
}

TEST_F(ImageGraphTest, NamesThePlatformOfWhatIsMissingOrUnknown) {
  const auto lost = tests::make_image(store_, {zoo_tar({file("a")})}).descriptor;
  store_.remove_blob(lost.digest);

  const auto missing = error_of(tests::make_index(store_, {{"arm64", lost}}));
  EXPECT_EQ(missing.code(), base::ErrorCode::kNotFound);
  EXPECT_THAT(base::render(missing), HasSubstr("linux/arm64 of demo"));

  auto strange = tests::make_image(store_, {zoo_tar({file("b")})}).descriptor;
  strange.media_type = "text/x-new";
  const auto unknown = error_of(tests::make_index(store_, {{"arm64", strange}}));
  EXPECT_EQ(unknown.code(), base::ErrorCode::kUnsupported);
  EXPECT_THAT(unknown.facts().why, HasSubstr("text/x-new"));
}
