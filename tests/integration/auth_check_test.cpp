// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/files.hpp"
#include "orchestrator/run.hpp"
#include "registry_fixture.hpp"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace test_support;  // NOLINT(google-build-using-namespace): a test's own fixture.

/// The program in memory, with a folder for its files.
class AuthCheck : public testing::Test {
 protected:
  struct Result {
    int status = 0;
    std::string out;
    std::string err;
  };

  Result run(const std::vector<std::string>& arguments) {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    orchestrator::Environment environment{in, out, err, variables_, termination_log()};
    std::vector<std::string> all = {"auth", "check"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const int status = orchestrator::run(all, environment);
    return {.status = status, .out = out.str(), .err = err.str()};
  }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto path = folder_.path() / name;
    base::make_directories(path.parent_path());
    base::write_file_atomically(path, text, 0600);
    return path;
  }
  std::filesystem::path termination_log() { return folder_.path() / "termination-log"; }
  static FaultRegistryOptions guarded(nlohmann::json script = nlohmann::json::array()) {
    return {.script = std::move(script),
            .arguments = {"--user", "bob", "--password", "canary-pass", "--token-auth"},
            .certificates = nullptr};
  }
  base::TempDir folder_{base::temp_root(), "auth-check"};
  base::Environment variables_;
};

}  // namespace

TEST_F(AuthCheck, SaysWhichCredentialIsUsedFromWhereAndThatItIsTaken) {
  const FaultRegistry registry(guarded());
  put_image(registry, "layer");
  const auto file = write("c.json", config_for(registry.host(), "bob", "canary-pass"));
  write("home/.docker/config.json", config_for(registry.host(), "other", "canary"));
  variables_["HOME"] = (folder_.path() / "home").string();
  const auto other = write("other.json", config_for("other.io", "x", "y"));

  const auto result = run({demo(registry.host()).text(), "--credentials", other.string(),
                           "--credentials", file.string()});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("source      " + other.string() + ": has no entry for it"),
                    HasSubstr(file.string() + ": one credential fits"),
                    HasSubstr(".docker/config.json: not asked"),
                    HasSubstr("used        user 'bob' (" + file.string() + ", key " +
                              registry.host() + ")"),
                    HasSubstr("pull        accepted"), Not(HasSubstr("canary"))));
}

TEST_F(AuthCheck, AsksForTheRightToPushAndStoresNothing) {
  const FaultRegistry registry(guarded());
  const auto file = write("c.json", config_for(registry.host(), "bob", "canary-pass"));

  const auto result =
      run({"--push", registry.host() + "/team/new:1", "--credentials", file.string()});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("push        accepted"));
  EXPECT_EQ(registry.count("GET", "scope=repository%3Ateam%2Fnew%3Apull%2Cpush"), 1U);
  EXPECT_EQ(registry.count("POST", "/blobs/uploads/"), 1U);
  EXPECT_EQ(registry.count("DELETE", "/blobs/uploads/"), 1U);
  EXPECT_EQ(registry.count("PUT", "/"), 0U);
}

TEST_F(AuthCheck, Case035Case276ARejectionIsExit3AndNamesNoSecret) {
  const FaultRegistry registry(guarded());
  put_image(registry, "layer");
  const auto file = write("c.json", config_for(registry.host(), "bob", "wrong-canary"));
  write("termination-log", "");

  const auto result = run({demo(registry.host()).text(), "--credentials", file.string()});

  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.out, AllOf(HasSubstr("pull        refused"), Not(HasSubstr("canary"))));
  EXPECT_THAT(result.err, AllOf(HasSubstr("rejected"), HasSubstr("user 'bob'"),
                                HasSubstr(file.string()), Not(HasSubstr("canary"))));
  const auto log = base::read_file(termination_log(), 1U << 20);
  EXPECT_LE(log.size(), 4096U);
  EXPECT_THAT(log, AllOf(HasSubstr("user 'bob'"), Not(HasSubstr("canary"))));
}

TEST_F(AuthCheck, Case028TriesTheSecretsOfAFolderAndSaysWhichWereRejected) {
  const FaultRegistry registry(guarded());
  put_image(registry, "layer");
  write("s/a/.dockerconfigjson", config_for(registry.host(), "bob", "stale-canary"));
  write("s/b/.dockerconfigjson", config_for(registry.host(), "bob", "canary-pass"));
  write("s/c/token", "no credentials of a registry");

  const auto result =
      run({demo(registry.host()).text(), "--secrets", (folder_.path() / "s").string()});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("2 credentials fit"), HasSubstr("rejected    user 'bob' (secret 'a'"),
                    HasSubstr("used        user 'bob' (secret 'b'"), Not(HasSubstr("canary"))));
}

TEST_F(AuthCheck, TellsPlainlyOfAnonymous) {
  const FaultRegistry open({});
  put_image(open, "layer");
  const FaultRegistry closed(guarded());
  put_image(closed, "layer");

  const auto taken = run({demo(open.host()).text()});
  const auto refused = run({demo(closed.host()).text()});

  EXPECT_EQ(taken.status, 0) << taken.err;
  EXPECT_THAT(taken.out, AllOf(HasSubstr("anonymous: no source has a credential"),
                               HasSubstr("does not ask who we are")));
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("no credentials for " + closed.host()));
}

TEST_F(AuthCheck, ARegistryThatCannotBeReachedIsExit4) {
  EXPECT_EQ(run({"localhost:1/demo:1"}).status, 4);
  const FaultRegistry empty({});
  EXPECT_EQ(run({empty.host() + "/none:1"}).status, 4);
}

TEST_F(AuthCheck, OfflineAsksNobody) {
  const auto result = run({"localhost:1/demo:1", "--offline"});

  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("pull        not asked (--offline)"));
}

TEST_F(AuthCheck, Case033TakesReferencesOnly) {
  EXPECT_EQ(run({"https://reg.io/a"}).status, 2);
  EXPECT_EQ(run({"reg.io/a b"}).status, 2);
}

TEST_F(AuthCheck, Case036WarnsOnceOfAFileThatOthersMayChange) {
  const FaultRegistry registry(guarded());
  const auto file = write("c.json", config_for(registry.host(), "bob", "wrong-canary"));
  std::filesystem::permissions(file, static_cast<std::filesystem::perms>(0666));

  const auto err = run({demo(registry.host()).text(), "--credentials", file.string()}).err;

  const auto first = err.find("may be changed by others");
  EXPECT_NE(first, std::string::npos) << err;
  EXPECT_EQ(err.find("may be changed by others", first + 1), std::string::npos) << err;
  EXPECT_THAT(err, Not(HasSubstr("canary")));
}
