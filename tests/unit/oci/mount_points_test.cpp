// SPDX-License-Identifier: Apache-2.0
#include "oci/mount_points.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>

#include "base/error.hpp"
#include "base/temp_dir.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using oci::MountPoints;

class MountPointsTest : public testing::Test {
 protected:
  MountPointsTest() { fs::create_directories(root() / "etc"); }
  fs::path root() const { return folder_.path() / "root"; }

  base::TempDir folder_{fs::temp_directory_path(), "mount_points_test"};
};

}  // namespace

TEST_F(MountPointsTest, Case182LinksLeadNoHigherThanTheRoot) {
  fs::create_directories(root() / "usr/lib");
  fs::create_symlink("/usr/lib", root() / "lib");
  fs::create_symlink("../../../../etc", root() / "usr/up");
  fs::create_symlink("/", root() / "top");
  const MountPoints points(root());

  EXPECT_EQ(points.resolve("/lib/x"), "/usr/lib/x");
  EXPECT_EQ(points.resolve("/usr/up/passwd"), "/etc/passwd");
  EXPECT_EQ(points.resolve("/top/top/../../../etc"), "/etc");
  EXPECT_EQ(points.resolve("/not/there/../here"), "/not/here");
}

TEST_F(MountPointsTest, LinksInACircleAreRefused) {
  fs::create_symlink("two", root() / "one");
  fs::create_symlink("one", root() / "two");
  const MountPoints points(root());

  EXPECT_THROW(static_cast<void>(points.resolve("/one/x")), base::Error);
}

TEST_F(MountPointsTest, WhatWasMissingIsMadeAndGoesAgain) {
  const auto before = tests::list_tree(root());
  {
    MountPoints points(root());
    EXPECT_EQ(points.add("/a/b/c", MountPoints::Kind::kFolder), "/a/b/c");
    EXPECT_EQ(points.add("/etc/file", MountPoints::Kind::kFile), "/etc/file");
    EXPECT_TRUE(fs::is_directory(root() / "a/b/c"));
    EXPECT_TRUE(fs::is_regular_file(root() / "etc/file"));
  }
  EXPECT_EQ(tests::list_tree(root()), before);
}

TEST_F(MountPointsTest, WhatSomebodyElseMadeStays) {
  std::ofstream(root() / "etc/there") << "x";
  {
    MountPoints points(root());
    points.add("/etc/there", MountPoints::Kind::kFile);
    points.add("/etc/filled", MountPoints::Kind::kFile);
    points.add("/swapped", MountPoints::Kind::kFolder);
    std::ofstream(root() / "etc/filled") << "y";
    fs::rename(root() / "swapped", root() / "moved");
    fs::create_directory(root() / "swapped");
  }
  EXPECT_TRUE(fs::exists(root() / "etc/there"));
  EXPECT_TRUE(fs::exists(root() / "etc/filled"));
  EXPECT_TRUE(fs::exists(root() / "swapped"));
}

TEST_F(MountPointsTest, Case180AFolderSwappedForALinkIsNotFollowed) {
  const auto victim = folder_.path() / "victim";
  fs::create_directories(victim / "point");
  {
    MountPoints points(root());
    points.add("/made/point", MountPoints::Kind::kFolder);
    fs::rename(root() / "made", root() / "elsewhere");
    fs::create_symlink(victim, root() / "made");
  }
  EXPECT_TRUE(fs::exists(victim / "point"));
}

TEST_F(MountPointsTest, TheRootItselfAndOtherKindsAreRefused) {
  std::ofstream(root() / "file") << "x";
  MountPoints points(root());

  EXPECT_THROW(points.add("/", MountPoints::Kind::kFolder), base::Error);
  EXPECT_THROW(points.add("/file", MountPoints::Kind::kFolder), base::Error);
  EXPECT_THROW(points.add("/file/below", MountPoints::Kind::kFile), base::Error);
  EXPECT_THROW(points.add("/etc", MountPoints::Kind::kFile), base::Error);
}
