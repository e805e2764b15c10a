// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/image_users.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::dockerfile::find_owner;
using stages::dockerfile::find_user;
using testing::ElementsAre;
using testing::IsEmpty;

TempTree image() {
  TempTree tree;
  tree.file("etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:1000:1001:App:/home/app:/bin/sh\n");
  tree.file("etc/group", "root:x:0:\nwheel:x:10:root,app\napps:x:1001:\nweb:x:33:app\n");
  return tree;
}

TEST(ImageUsers, FindsANameWithItsGroupsAndHome) {
  const auto tree = image();

  const auto user = find_user(tree.path(), "app");

  EXPECT_EQ(user.user, 1000U);
  EXPECT_EQ(user.group, 1001U);
  EXPECT_THAT(user.groups, ElementsAre(10U, 33U));
  EXPECT_EQ(user.home, "/home/app");
}

TEST(ImageUsers, TakesTheGroupThatIsNamedAlone) {
  const auto tree = image();

  const auto user = find_user(tree.path(), "app:web");

  EXPECT_EQ(user.user, 1000U);
  EXPECT_EQ(user.group, 33U);
  EXPECT_THAT(user.groups, IsEmpty());
}

TEST(ImageUsers, TakesNumbersThatNobodyHas) {
  const auto tree = image();

  const auto user = find_user(tree.path(), "4000:5000");

  EXPECT_EQ(user.user, 4000U);
  EXPECT_EQ(user.group, 5000U);
  EXPECT_EQ(find_user(tree.path(), "4000").group, 0U);
}

TEST(ImageUsers, IsRootWhereNothingIsSaidAndNoFileIsThere) {
  const TempTree empty;

  EXPECT_EQ(find_user(empty.path(), "").user, 0U);
  EXPECT_EQ(find_user(empty.path(), "root").home, "/root");
}

TEST(ImageUsers, NamesTheUserThatIsNotThere) {
  const auto tree = image();

  try {
    find_user(tree.path(), "nobody");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep);
    EXPECT_EQ(error.facts().what, "the image has no user 'nobody'");
  }
}

TEST(ImageUsers, GivesChownTheNumberForBoth) {
  const auto tree = image();

  EXPECT_EQ(find_owner(tree.path(), "7").group, 7U);
  EXPECT_EQ(find_owner(tree.path(), "app").group, 1001U);
  EXPECT_EQ(find_owner(tree.path(), "app:wheel").group, 10U);
  EXPECT_EQ(find_owner(tree.path(), "0:33").group, 33U);
}

TEST(ImageUsers, ReadsNothingOutsideTheRoot) {
  TempTree outside;
  outside.file("passwd", "app:x:7:7::/:/bin/sh\n");
  TempTree tree;
  tree.link("etc/passwd", outside.path("passwd"));

  EXPECT_THROW(find_user(tree.path(), "app"), base::Error);
}

TEST(ImageUsers, ReadsNoPipeAndNoFileWithoutEnd) {
  TempTree tree;
  tree.folder("etc");
  ASSERT_EQ(::mkfifo(tree.path("etc/passwd").c_str(), 0600), 0);
  tree.file("etc/group", "");
  std::filesystem::resize_file(tree.path("etc/group"), 11U << 20);

  EXPECT_EQ(find_user(tree.path(), "0").user, 0U);
  EXPECT_THROW(find_user(tree.path(), "0:web"), base::Error);
}

}  // namespace
