// SPDX-License-Identifier: Apache-2.0
#include "auth/keychain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(KeychainTest, AsksTheSourcesInOrderOfPrecedence) {
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

TEST_F(KeychainTest, RegistryAuthFileEndsTheSearch) {
  set("HOME", folder_.path());
  write(".docker/config.json", config("home"));
  set("REGISTRY_AUTH_FILE", write("auth.json", config("x", "other.io")));

  EXPECT_THAT(users(), ElementsAre());
}

TEST_F(KeychainTest, WhatIsNamedMustBeThere) {
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

TEST_F(KeychainTest, DockerConfigIsAFolder) {
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

TEST_F(KeychainTest, ReadsFilesAgainAfterARefresh) {
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
