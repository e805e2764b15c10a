// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/build_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "tests/support/packing.hpp"
#include "tests/support/tar_zoo.hpp"

namespace orchestrator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class BuildContextTest : public testing::Test {
 protected:
  BuildContextTest() {
    options_.store = folder_.path() / "store";
    options_.progress = "plain";
    base::make_directories(context_);
  }

  void write(const std::string& name, const std::string& content) {
    base::make_directories((context_ / name).parent_path());
    base::write_file_atomically(context_ / name, content);
  }
  BuildContext open(const std::string& context, const std::string& file = "") {
    return open_build_context(session_, context, file);
  }
  std::string error_of(const std::string& context, const std::string& file = "") {
    try {
      static_cast<void>(open(context, file));
    } catch (const base::Error& error) {
      return base::render(error);
    }
    return "";
  }

  base::TempDir folder_{base::temp_root(), "build_context_test"};
  std::filesystem::path context_ = folder_.path() / "context";
  std::istringstream in_;
  std::ostringstream out_;
  std::ostringstream err_;
  Environment environment_{
      .in = in_, .out = out_, .err = err_, .variables = {}, .termination_log = {}};
  CommonOptions options_;
  Session session_{options_, environment_, {}, false};
};

TEST_F(BuildContextTest, AFolderHasItsDockerfileOrContainerfile) {
  write("Containerfile", "FROM b\n");
  EXPECT_EQ(open(context_.string()).dockerfile, "FROM b\n");
  write("Dockerfile", "FROM a\n");
  const auto opened = open(context_.string());
  EXPECT_EQ(opened.dockerfile, "FROM a\n");
  EXPECT_EQ(opened.dockerfile_name, "Dockerfile");
  write("sub/Other", "FROM c\n");
  EXPECT_EQ(open(context_.string(), "sub/Other").dockerfile, "FROM c\n");
  EXPECT_EQ(open(context_.string(), (context_ / "sub/Other").string()).dockerfile, "FROM c\n");
}

TEST_F(BuildContextTest, ChangesAreSeen) {
  write("Dockerfile", "FROM a\n");
  write("file", "one");
  const auto before = open(context_.string()).digest;
  EXPECT_EQ(open(context_.string()).digest, before);

  write("file", "two");

  EXPECT_NE(open(context_.string()).digest, before);
}

TEST_F(BuildContextTest, StandardInputMayBeTheDockerfile) {
  in_.str("FROM a\n");
  const auto alone = open("-");
  EXPECT_EQ(alone.dockerfile, "FROM a\n");
  EXPECT_TRUE(alone.folder.empty());

  in_.clear();
  in_.str("FROM b\n");
  const auto beside = open(context_.string(), "-");
  EXPECT_EQ(beside.dockerfile, "FROM b\n");
  EXPECT_FALSE(beside.folder.empty());
}

TEST_F(BuildContextTest, StandardInputMayBeATar) {
  const auto tar = tests::zoo_tar(
      {tests::file("Dockerfile", "FROM a\n"), tests::folder("sub"), tests::file("sub/b", "c")});
  for (const auto& bytes : {tar, tests::gzip(tar), tests::zstd(tar)}) {
    in_.clear();
    in_.str(bytes);
    const auto opened = open("-");

    EXPECT_EQ(opened.dockerfile, "FROM a\n");
    EXPECT_EQ(base::read_file(opened.folder / "sub/b", 10), "c");
  }
}

TEST_F(BuildContextTest, WhiteoutsOfATarAreNamesLikeOthers) {
  in_.str(tests::zoo_tar({tests::file("Dockerfile", "FROM a\n"), tests::file(".wh.notes", "x")}));

  EXPECT_EQ(base::read_file(open("-").folder / ".wh.notes", 10), "x");
}

TEST_F(BuildContextTest, Case135ATarLeadsNowhereElse) {
  base::write_file_atomically(folder_.path() / "outside", "FROM host\n");
  in_.str(tests::zoo_tar({tests::soft_link("Dockerfile", (folder_.path() / "outside").string())}));
  EXPECT_THAT(error_of("-"), HasSubstr("there is no Dockerfile in the context"));

  in_.clear();
  in_.str(tests::zoo_tar({tests::file("../escaped", "x"), tests::file("Dockerfile", "FROM a\n")}));
  static_cast<void>(error_of("-"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "store/tmp/escaped"));
}

TEST_F(BuildContextTest, SaysWhatCannotBeAContext) {
  EXPECT_THAT(error_of("/nonexistent"), HasSubstr("it is not a folder here"));
  EXPECT_THAT(error_of(context_.string()), HasSubstr("there is no Dockerfile in the context"));
  EXPECT_THAT(error_of(context_.string(), "Gone"), HasSubstr("there is no Gone in the context"));
  EXPECT_THAT(error_of("-", "-"), HasSubstr("standard input cannot be both"));
  in_.str("FROM a\n");
  EXPECT_THAT(error_of("-", "Dockerfile"), HasSubstr("standard input holds no tar"));
}

TEST_F(BuildContextTest, TheIgnoreFileBesideTheDockerfileComesFirst) {
  const std::vector<std::string> always = {".docker/config.json", ".dockercfg"};
  EXPECT_THAT(ignore_lines(context_, {}), always);
  EXPECT_THAT(ignore_lines({}, {}), IsEmpty());
  write(".dockerignore", "a\r\n# c\n!b");
  EXPECT_THAT(ignore_lines(context_, {}), ElementsAre(always[0], always[1], "a", "!b"));
  write(".containerignore", "x\n");
  EXPECT_THAT(ignore_lines(context_, {}), ElementsAre(always[0], always[1], "x"));
  write("Other.dockerignore", "y\n");
  EXPECT_THAT(ignore_lines(context_, context_ / "Other"), ElementsAre(always[0], always[1], "y"));
}

TEST_F(BuildContextTest, Case272WarnsOfRegistryCredentials) {
  warn_of_credentials(session_, context_);
  EXPECT_EQ(err_.str(), "");
  write("config.json", "{}");
  warn_of_credentials(session_, context_);
  EXPECT_EQ(err_.str(), "");

  write(".docker/config.json", "{}");
  write("config.json", "{\"auths\": {}}");
  warn_of_credentials(session_, context_);

  EXPECT_THAT(err_.str(), HasSubstr("holds .docker/config.json: it is left out"));
  EXPECT_THAT(err_.str(), HasSubstr("config.json with registry credentials"));
}

}  // namespace
}  // namespace orchestrator
