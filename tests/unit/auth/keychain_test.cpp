// SPDX-License-Identifier: Apache-2.0
#include "auth/keychain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string config(const std::string& user, const std::string& host = "reg.io") {
  return R"({"auths":{")" + host + R"(":{"username":")" + user + R"(","password":"p"}}})";
}

class KeychainTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    const auto path = folder_.path() / name;
    base::make_directories(path.parent_path());
    base::write_file_atomically(path, text);
    return path;
  }
  auth::Keychain keychain() { return auth::Keychain(auth::default_sources(options_)); }
  std::vector<std::string> users(const std::string& host = "reg.io") {
    std::vector<std::string> names;
    for (const auto& credential : keychain().candidates(host, "team/app")) {
      names.push_back(credential.user);
    }
    return names;
  }
  base::ErrorCode code_of_error() {
    try {
      static_cast<void>(users());
    } catch (const base::Error& error) {
      return error.code();
    }
    return base::ErrorCode::kInternal;
  }
  void set(const std::string& name, const fs::path& value) {
    options_.environment[name] = value.string();
  }
  base::TempDir folder_{base::temp_root(), "keychain"};
  auth::KeychainOptions options_;
};

}  // namespace

TEST_F(KeychainTest, Case016AsksTheSourcesInOrderOfPrecedence) {
  // Last to first: each new source must win over all before it.
  set("HOME", folder_.path() / "home");
  set("XDG_RUNTIME_DIR", folder_.path() / "run");
  write("home/.dockercfg", R"({"reg.io":{"username":"dockercfg","password":"p"}})");
  EXPECT_THAT(users(), ElementsAre("dockercfg"));
  write("home/.docker/config.json", config("home"));
  EXPECT_THAT(users(), ElementsAre("home"));
  write("home/.config/containers/auth.json", config("xdg-config"));
  EXPECT_THAT(users(), ElementsAre("xdg-config"));
  write("run/containers/auth.json", config("xdg-runtime"));
  EXPECT_THAT(users(), ElementsAre("xdg-runtime"));
  set("REGISTRY_AUTH_FILE", write("auth.json", config("auth-file")));
  EXPECT_THAT(users(), ElementsAre("auth-file"));
  set("DOCKER_CONFIG", write("docker/config.json", config("docker-config")).parent_path());
  EXPECT_THAT(users(), ElementsAre("docker-config"));
  options_.environment["DOCKER_AUTH_CONFIG"] = R"({"auths":{"reg.io":{"auth":"dmFyOnA="}}})";
  EXPECT_THAT(users(), ElementsAre("var"));
  set("CREDENTIALS_DIRECTORY", write("systemd/config.json", config("systemd")).parent_path());
  EXPECT_THAT(users(), ElementsAre("systemd"));
  options_.secrets.push_back(auth::fixed_secret("secret 'a'", base::Secret(config("secret-a"))));
  options_.secrets.push_back(auth::fixed_secret("secret 'b'", base::Secret(config("secret-b"))));
  EXPECT_THAT(users(), ElementsAre("secret-a", "secret-b"));
  options_.credentials.push_back(write("explicit.json", config("explicit")));
  EXPECT_THAT(users(), ElementsAre("explicit"));
}

TEST_F(KeychainTest, GoesOnWhereASourceHasNoEntry) {
  options_.credentials.push_back(write("a.json", config("a", "other.io")));
  options_.secrets.push_back(auth::fixed_secret("secret", base::Secret(config("b"))));

  EXPECT_THAT(users(), ElementsAre("b"));
  EXPECT_THAT(users("nobody.io"), ElementsAre());
}

TEST_F(KeychainTest, Case013RegistryAuthFileEndsTheSearch) {
  set("HOME", folder_.path());
  write(".docker/config.json", config("home"));
  set("REGISTRY_AUTH_FILE", write("auth.json", config("x", "other.io")));

  EXPECT_THAT(users(), ElementsAre());
}

TEST_F(KeychainTest, Case014WhatIsNamedMustBeThere) {
  options_.credentials = {folder_.path() / "typo.json"};
  EXPECT_EQ(code_of_error(), base::ErrorCode::kUsage);
  options_.credentials = {folder_.path()};
  EXPECT_EQ(code_of_error(), base::ErrorCode::kUsage) << "a folder without a credentials file";
  options_.credentials = {write("broken.json", "{")};
  EXPECT_EQ(code_of_error(), base::ErrorCode::kUnauthorized);
  options_.credentials.clear();
  set("REGISTRY_AUTH_FILE", folder_.path() / "typo.json");
  EXPECT_EQ(code_of_error(), base::ErrorCode::kUnauthorized);
}

TEST_F(KeychainTest, Case017DockerConfigIsAFolder) {
  set("DOCKER_CONFIG", write("config.json", config("x")));
  EXPECT_EQ(code_of_error(), base::ErrorCode::kUsage);
  set("DOCKER_CONFIG", write("mounted/.dockerconfigjson", config("mounted")).parent_path());
  EXPECT_THAT(users(), ElementsAre("mounted"));
}

TEST_F(KeychainTest, ABrokenDefaultFileIsAnErrorToo) {
  set("HOME", folder_.path());
  write(".docker/config.json", "{");

  EXPECT_EQ(code_of_error(), base::ErrorCode::kUnauthorized);
}

TEST_F(KeychainTest, Case034ReadsFilesAgainAfterARefresh) {
  const auto file = write("config.json", config("old"));
  options_.credentials = {file};
  auto chain = keychain();
  const auto before = chain.candidates("reg.io", "a").front().user;

  write("config.json", config("new"));

  EXPECT_EQ(chain.candidates("reg.io", "a").front().user, before);
  chain.refresh();
  EXPECT_EQ(chain.candidates("reg.io", "a").front().user, "new");
}

TEST_F(KeychainTest, ASecretMayNotNameAHelper) {
  options_.secrets.push_back(
      auth::fixed_secret("secret 'x'", base::Secret(R"({"credHelpers":{"reg.io":"anything"}})")));

  EXPECT_EQ(code_of_error(), base::ErrorCode::kUnauthorized);
}

TEST_F(KeychainTest, FindsSecretsAsKubernetesAndSystemdLayThemOut) {
  write("s/one/.dockerconfigjson", config("one"));
  write("s/two/.dockercfg", config("two"));
  write("s/three", config("three"));
  write("s/four_.dockerconfigjson", config("four"));
  for (const std::string name : {"one", "two", "three", "four"}) {
    const auto secret = auth::find_secret(folder_.path() / "s", name);
    ASSERT_TRUE(secret) << name;
    EXPECT_THAT(secret->origin, HasSubstr("secret '" + name + "'"));
    EXPECT_EQ(secret->read()->reveal(), config(name));
  }
  EXPECT_FALSE(auth::find_secret(folder_.path() / "s", "five"));
  EXPECT_THROW(auth::find_secret(folder_.path() / "s", "../s/three"), base::Error);
}

TEST_F(KeychainTest, Case012DefaultFilesMayBeMissing) {
  set("HOME", folder_.path() / "nowhere");
  set("XDG_CONFIG_HOME", folder_.path() / "nowhere");
  set("CREDENTIALS_DIRECTORY", folder_.path() / "nowhere");

  EXPECT_THAT(users(), ElementsAre());
}

TEST_F(KeychainTest, Case015WithoutARuntimeFolderTheUsersOwnIsTaken) {
  options_.user_id = 4711;

  EXPECT_THAT(keychain().source_names(), ElementsAre("/run/containers/4711/auth.json"));
  EXPECT_THAT(users(), ElementsAre());
}

TEST_F(KeychainTest, Case028GivesEverySecretThatFitsInOrder) {
  for (const auto* user : {"first", "second", "third"}) {
    options_.secrets.push_back(
        auth::fixed_secret(user, base::Secret(config(user, user[0] == 's' ? "b.io" : "reg.io"))));
  }

  EXPECT_THAT(users(), ElementsAre("first", "third"));
}

TEST_F(KeychainTest, Case032TheVariableIsReadAndHelpersDoNotSeeIt) {
  base::SystemProcessRunner runner;
  options_.processes = &runner;
  options_.environment["DOCKER_AUTH_CONFIG"] = R"({"auths":{"other.io":{"auth":"dmFyOnA="}}})";
  set("DOCKER_CONFIG",
      write("docker/config.json", R"({"credsStore":"show-environment"})").parent_path());
  const auto helper =
      write("docker-credential-show-environment",
            "#!/bin/sh\nset=${DOCKER_AUTH_CONFIG+set}\n"
            "echo \"{\\\"Username\\\":\\\"${set:-unset}\\\",\\\"Secret\\\":\\\"s\\\"}\"\n");
  fs::permissions(helper, fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (folder_.path().string() + ":" + path).c_str(), 1);
  ::setenv("DOCKER_AUTH_CONFIG", "canary", 1);

  EXPECT_THAT(users("other.io"), ElementsAre("var"));
  EXPECT_THAT(users("reg.io"), ElementsAre("unset"));

  ::unsetenv("DOCKER_AUTH_CONFIG");
  ::setenv("PATH", path.c_str(), 1);
}

TEST_F(KeychainTest, Case036TellsOfFilesThatOthersMayReadOrChange) {
  std::vector<std::string> told;
  options_.warn = [&](const std::string& text) { told.push_back(text); };
  options_.user_id = ::geteuid();
  const auto file = write("config.json", config("canary"));
  options_.credentials = {file};
  const auto told_with_mode = [&](unsigned mode) {
    told.clear();
    fs::permissions(file, static_cast<fs::perms>(mode));
    static_cast<void>(users());
    return testing::PrintToString(told);
  };

  EXPECT_EQ(told_with_mode(0600), "{}");
  EXPECT_EQ(told_with_mode(0640), "{}");
  EXPECT_THAT(told_with_mode(0666), AllOf(HasSubstr(file.string()), HasSubstr("changed by others"),
                                          HasSubstr("0666"), Not(HasSubstr("canary"))));
  EXPECT_THAT(told_with_mode(0644), HasSubstr("read by every user"));
}

TEST_F(KeychainTest, Case036AVolumeOfKubernetesMayBeReadableByAll) {
  const auto file = write("..2026_11_24/config.json", config("x"));
  fs::permissions(file, static_cast<fs::perms>(0644));
  fs::create_directory_symlink("..2026_11_24", folder_.path() / "..data");
  fs::create_symlink("..data/config.json", folder_.path() / "config.json");

  EXPECT_EQ(auth::exposure_of(folder_.path() / "config.json", ::geteuid()), std::nullopt);
  fs::permissions(file, static_cast<fs::perms>(0666));
  EXPECT_NE(auth::exposure_of(folder_.path() / "config.json", ::geteuid()), std::nullopt);
}

TEST_F(KeychainTest, Case037FindsSystemdCredentialsWithoutFlags) {
  set("CREDENTIALS_DIRECTORY", write("systemd/config.json", config("unit")).parent_path());

  EXPECT_THAT(users(), ElementsAre("unit"));
}

TEST_F(KeychainTest, TracesWhatEachSourceSaid) {
  set("HOME", folder_.path());
  options_.credentials = {write("other.json", config("x", "other.io"))};
  set("REGISTRY_AUTH_FILE", write("auth.json", config("found")));
  set("DOCKER_CONFIG", folder_.path() / "nowhere");

  const auto answers = keychain().trace("reg.io", "a");

  ASSERT_EQ(answers.size(), 3U);
  EXPECT_TRUE(answers[0].exists);
  EXPECT_EQ(answers[0].matches, 0U);
  EXPECT_FALSE(answers[1].exists);
  EXPECT_EQ(answers[2].matches, 1U);
  options_.credentials = {write("first.json", config("first"))};
  EXPECT_FALSE(keychain().trace("reg.io", "a").at(2).asked) << "behind the one that answered";
}
