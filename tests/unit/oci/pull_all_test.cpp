// SPDX-License-Identifier: Apache-2.0
#include "oci/pull_all.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "oci/push.hpp"
#include "tests/support/fake_registry.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"

namespace {

using tests::file;
using tests::zoo_tar;

class PullAllTest : public testing::Test {
 protected:
  PullAllTest() {
    const auto shared = zoo_tar({file("base")});
    top_ = std::make_unique<oci::Descriptor>(tests::make_index(
        source_,
        {{"amd64", tests::make_image(source_, {shared, zoo_tar({file("a")})}).descriptor},
         {"arm64", tests::make_image(source_, {shared, zoo_tar({file("b")})}).descriptor}}));
    oci::push_image(registry_, source_, *top_, reference_, {}, {}, {});
    registry_.calls.clear();
  }

  base::TempDir folder_{base::temp_root(), "pull_all_test"};
  oci::Store source_{folder_.path() / "source"};
  oci::Store store_{folder_.path() / "store"};
  tests::FakeRegistry registry_;
  oci::Reference reference_ = oci::Reference::parse("reg.io/team/demo:1");
  std::unique_ptr<oci::Descriptor> top_;
};

}  // namespace

TEST_F(PullAllTest, BringsEveryPlatformAndEachBlobOnce) {
  const auto pulled = oci::pull_all(registry_, store_, reference_, 2, {}, {});

  EXPECT_EQ(pulled.top.digest, top_->digest);
  EXPECT_EQ(pulled.top.size, top_->size);
  EXPECT_EQ(registry_.count("blob"), 5U);
  EXPECT_EQ(store_.find(reference_.text())->digest, top_->digest);
  EXPECT_EQ(oci::find_all(store_, reference_).digest, top_->digest);
  for (const auto* platform : {"amd64", "arm64"}) {
    EXPECT_NO_THROW(static_cast<void>(
        oci::resolve_offline(store_, reference_, oci::Platform::parse(platform))));
  }
}

TEST_F(PullAllTest, ASecondPullFetchesNothing) {
  oci::pull_all(registry_, store_, reference_, 2, {}, {});
  registry_.calls.clear();

  oci::pull_all(registry_, store_, reference_, 2, {}, {});

  EXPECT_EQ(registry_.count("blob"), 0U);
  EXPECT_EQ(registry_.calls, std::vector<std::string>{"get 1"});
}

TEST_F(PullAllTest, NothingIsNamedWhenAPartIsMissing) {
  registry_.blobs.erase(registry_.blobs.begin());

  EXPECT_THROW(oci::pull_all(registry_, store_, reference_, 2, {}, {}), base::Error);

  EXPECT_FALSE(store_.find(reference_.text()));
  EXPECT_THROW(oci::find_all(store_, reference_), base::Error);
}
