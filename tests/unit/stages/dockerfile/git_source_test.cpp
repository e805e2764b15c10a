// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/git_source.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

TEST(GitSource, IsToldFromUrlsAndPaths) {
  for (const char* text : {"git://h/r", "ssh://git@h/r", "https://h/r.git", "http://h/r.git#main",
                           "https://h/r.git?ref=v1", "git@h:r", "GIT://h/r"}) {
    EXPECT_TRUE(is_git_source(text)) << text;
  }
  for (const char* text : {"https://h/r", "https://h/x?y.git", "a.git", "./git@h:r/x", "x:y",
                           "-o@h:r", "git@-oProxyCommand=x:r", "ftp://h/r.git", "@h:r"}) {
    EXPECT_FALSE(is_git_source(text)) << text;
  }
}

TEST(GitSource, HasItsParts) {
  const auto source = parse_git_source("https://h/r.git#v1.0:sub/dir");
  EXPECT_EQ(source.remote, "https://h/r.git");
  EXPECT_EQ(source.ref, "v1.0");
  EXPECT_EQ(source.subdir, "sub/dir");

  const auto queried = parse_git_source(
      "git@h:r.git?branch=main&subdir=a%2Fb&commit=abc123&keep-git-dir&submodules=false");
  EXPECT_EQ(queried.remote, "git@h:r.git");
  EXPECT_EQ(queried.ref, "refs/heads/main");
  EXPECT_EQ(queried.subdir, "a/b");
  EXPECT_EQ(queried.checksum, "abc123");
  EXPECT_EQ(queried.keep_git_dir, true);
  EXPECT_FALSE(queried.submodules);
}

TEST(GitSource, SaysHowItIsFetchedAndDated) {
  EXPECT_FALSE(parse_git_source("git://h/r").commit_times);
  EXPECT_FALSE(parse_git_source("git://h/r?mtime=checkout").commit_times);
  const auto source = parse_git_source("git://h/r?mtime=commit&fetch-by-commit&commit=abc");
  EXPECT_TRUE(source.commit_times);
  EXPECT_TRUE(source.fetch_by_commit);
  EXPECT_THROW(parse_git_source("git://h/r?mtime=now"), base::Error);
  EXPECT_THROW(parse_git_source("git://h/r?mtime="), base::Error);
}

TEST(GitSource, Case185StaysInTheRepositoryAndGivesGitNoOptions) {
  EXPECT_EQ(parse_git_source("git://h/r#v1:../../etc").subdir, "etc");
  EXPECT_EQ(parse_git_source("git://h/r?subdir=a/../../b").subdir, "b");
  for (const char* text : {"git://h/r#-upload-pack=x", "git://h/r?ref=--output=x",
                           "git://h/r#a%0ab", "git://h/r?commit=-x", "git://h/r?nope=1",
                           "git://h/r?ref=", "git://h/r?ref=a#b", "git://h/r?keep-git-dir=maybe"}) {
    EXPECT_THROW(parse_git_source(text), base::Error) << text;
  }
}

}  // namespace
}  // namespace stages::dockerfile
