// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/rooted_folders.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

namespace fs = std::filesystem;
using stages::dockerfile::make_folder_in;

TEST(RootedFolders, MakesParentsWithTheOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const TempTree tree;

  make_folder_in(tree.path(), "/a/b/../c", {.user = 5, .group = 6});

  struct stat status {};
  ASSERT_EQ(::stat(tree.path("a/c").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 5U);
  EXPECT_EQ(status.st_gid, 6U);
  EXPECT_EQ(status.st_mode & 07777U, 0755U);
  EXPECT_FALSE(fs::exists(tree.path("a/b")));
}

TEST(RootedFolders, FollowsLinksInsideTheRoot) {
  TempTree tree;
  tree.folder("real").link("link", "/real").link("dangling", "/not/there").link("up", "../../..");

  make_folder_in(tree.path(), "/link/x", {});
  make_folder_in(tree.path(), "/dangling/y", {});
  make_folder_in(tree.path(), "/up/z", {});

  EXPECT_TRUE(fs::is_directory(tree.path("real/x")));
  EXPECT_TRUE(fs::is_directory(tree.path("not/there/y")));
  EXPECT_TRUE(fs::is_directory(tree.path("z")));
}

TEST(RootedFolders, FailsWhereAFileOrALoopIsInTheWay) {
  TempTree tree;
  tree.file("file").link("loop", "loop").link("a", "b/x").link("b", "a/y");

  for (const auto* path : {"/file", "/file/x", "/loop/x", "/a/z"}) {
    try {
      make_folder_in(tree.path(), path, {});
      ADD_FAILURE() << path;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kBuildStep) << path;
    }
  }
}

}  // namespace
