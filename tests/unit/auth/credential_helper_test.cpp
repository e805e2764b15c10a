// SPDX-License-Identifier: Apache-2.0
#include "auth/credential_helper.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "auth/credential_source.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Programs of ours in front of PATH while a test runs.
class Helpers : public testing::Test {
 protected:
  void SetUp() override {
    old_path_ = std::getenv("PATH");
    ::setenv("PATH", (folder_.path().string() + ":" + old_path_).c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", old_path_.c_str(), 1); }
  void write(const std::string& name, const std::string& script) {
    const auto path = folder_.path() / ("docker-credential-" + name);
    base::write_file_atomically(path, "#!/bin/sh\n" + script, 0755);
  }
  std::string error_of(const std::string& name, std::chrono::seconds limit) {
    try {
      static_cast<void>(
          auth::CredentialHelper(runner_, {}, limit).get(name, "reg.io", "/x/config.json"));
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
      return base::render(error);
    }
    return "nothing was thrown";
  }
  auth::ConfigSource source_of(const char* config) {
    return auth::ConfigSource({.name = "c",
                               .read = [config] { return std::optional(base::Secret(config)); },
                               .ends_search = false,
                               .form = auth::DockerConfig::Form::kFile,
                               .helper = std::make_shared<const auth::CredentialHelper>(
                                   runner_, std::vector<std::string>{})});
  }
  base::TempDir folder_{base::temp_root(), "helpers"};
  base::SystemProcessRunner runner_;
  std::string old_path_;
};

}  // namespace

TEST_F(Helpers, Case025AnswerWithACredentialForTheHostOnStandardInput) {
  write("good", "read host; echo \"{\\\"Username\\\":\\\"$1-$host\\\",\\\"Secret\\\":\\\"s\\\"}\"");
  write("token", R"(echo '{"Username":"<token>","Secret":"t"}')");
  const auth::CredentialHelper helper(runner_, {});

  const auto found = helper.get("good", "reg.io", "c");
  const auto token = helper.get("token", "reg.io", "c");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "get-reg.io");
  EXPECT_EQ(found->secret.reveal(), "s");
  EXPECT_EQ(found->origin, "c, helper good");
  EXPECT_EQ(token->kind, auth::Credential::Kind::kIdentityToken);
}

TEST_F(Helpers, Case025MayKnowNothing) {
  write("empty", "echo credentials not found in native keychain; exit 1");

  EXPECT_FALSE(auth::CredentialHelper(runner_, {}).get("empty", "reg.io", "c"));
}

TEST_F(Helpers, Case025FailuresNameTheHelperAndTheFileButNotWhatItSaid) {
  using std::chrono::seconds;
  write("bad", "echo canary; echo canary >&2; exit 3");
  write("text", "echo canary");
  write("slow", "sleep 60");
  write("big", "head -c 1100000 /dev/zero | tr '\\0' x");

  EXPECT_THAT(error_of("bad", seconds(10)),
              AllOf(HasSubstr("'bad' named in /x/config.json"), HasSubstr("exit status 3"),
                    Not(HasSubstr("canary"))));
  EXPECT_THAT(error_of("text", seconds(10)),
              AllOf(HasSubstr("not a JSON object"), Not(HasSubstr("canary"))));
  EXPECT_THAT(error_of("slow", seconds(1)), HasSubstr("no answer in 1 s"));
  EXPECT_THAT(error_of("big", seconds(10)), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(error_of("missing", seconds(10)), HasSubstr("docker-credential-missing"));
}

TEST_F(Helpers, Case026HavePlainNames) {
  using std::chrono::seconds;
  for (const auto* name : {"../x", "a/b", "a b", "", "-x", "A"}) {
    EXPECT_THAT(error_of(name, seconds(10)), HasSubstr("may hold only")) << name;
  }
}

TEST_F(Helpers, Case023WinOverTheEntryOfTheirHost) {
  write("good", R"(read host; echo "{\"Username\":\"$host\",\"Secret\":\"s\"}")");

  auto source = source_of(R"({"credHelpers":{"reg.io":"good"},"auths":{
      "reg.io":{"username":"bob","password":"p"},"b.io":{"username":"bob","password":"p"}}})");

  EXPECT_EQ(source.find("reg.io", "a").at(0).user, "reg.io");
  EXPECT_EQ(source.find("b.io", "a").at(0).user, "bob");
}

TEST_F(Helpers, Case024TheStoreIsAskedWhereThereIsNoEntry) {
  write("good", R"(read host; echo "{\"Username\":\"$host\",\"Secret\":\"s\"}")");

  for (const auto* text :
       {R"({"credsStore":"good"})", R"({"credsStore":"good","auths":{}})",
        R"({"credsStore":"good","auths":{"reg.io":{},"https://index.docker.io/v1/":{}}})"}) {
    auto source = source_of(text);
    EXPECT_EQ(source.find("reg.io", "a").at(0).user, "reg.io") << text;
    EXPECT_EQ(source.find("docker.io", "a").at(0).user, "https://index.docker.io/v1/") << text;
  }
}
