// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/ignore_patterns.hpp"

#include <gmock/gmock.h>

#include "../temp_tree.hpp"
#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(IgnorePatterns, Case191ReadItsLines) {
  EXPECT_THAT(read_ignore_lines("\xef\xbb\xbf# comment\r\n\r\n  /a//b/ \n! c/../d\n#x\n *.md\n /\n",
                                ".dockerignore"),
              ElementsAre("a/b", "!d", "*.md", "/"));
}

TEST(IgnorePatterns, Case191NameTheLineOfABadPattern) {
  try {
    read_ignore_lines("ok\n[a-\n", ".dockerignore");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kManifest);
    EXPECT_THAT(error.facts().what, HasSubstr(".dockerignore:2: syntax error in pattern"));
  }
  EXPECT_THROW(read_ignore_lines("!", "x"), base::Error);
}

TEST(IgnorePatterns, Case191LetTheLastMatchDecide) {
  const IgnorePatterns patterns({"*", "!src", "src/*.o", "!src/keep.o", "docs"});
  EXPECT_TRUE(patterns.has_exceptions());
  EXPECT_TRUE(patterns.matches("README"));
  EXPECT_FALSE(patterns.matches("src"));
  EXPECT_FALSE(patterns.matches("src/deep/a.c"));
  EXPECT_TRUE(patterns.matches("src/a.o"));
  EXPECT_FALSE(patterns.matches("src/keep.o"));
  EXPECT_TRUE(patterns.matches("docs/x/y"));
  EXPECT_FALSE(IgnorePatterns({}).matches("x"));
}

TEST(IgnorePatterns, Case191ComeFromTheFirstFileThereIs) {
  TempTree tree;
  EXPECT_THAT(find_ignore_lines(tree.path(), tree.path("Dockerfile")), IsEmpty());
  tree.file(".dockerignore", "docker\n");
  EXPECT_THAT(find_ignore_lines(tree.path(), {}), ElementsAre("docker"));
  tree.file(".containerignore", "container\n");
  EXPECT_THAT(find_ignore_lines(tree.path(), {}), ElementsAre("container"));
  tree.file("build/Dockerfile.dockerignore", "own\n");
  EXPECT_THAT(find_ignore_lines(tree.path(), tree.path("build/Dockerfile")), ElementsAre("own"));
}

TEST(IgnorePatterns, Case189AreNotReadOutsideOfTheContext) {
  TempTree outside;
  outside.file("secret", "leaked\n");
  TempTree tree;
  tree.link(".dockerignore", outside.path("secret"));
  EXPECT_THAT(find_ignore_lines(tree.path(), {}), IsEmpty());
}

}  // namespace
}  // namespace stages::dockerfile
