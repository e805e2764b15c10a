// SPDX-License-Identifier: Apache-2.0
#include "auth/registry_key.hpp"

#include <gtest/gtest.h>

namespace {

std::optional<std::size_t> fit(const char* key, const char* registry, const char* repository) {
  return auth::RegistryKey::parse(key)->match(registry, repository);
}

}  // namespace

TEST(RegistryKey, Case003MatchesPathsOnComponentBorders) {
  EXPECT_TRUE(fit("reg.io/team", "reg.io", "team/app"));
  EXPECT_TRUE(fit("reg.io/team/app", "reg.io", "team/app"));
  EXPECT_TRUE(fit("reg.io", "reg.io", "team/app"));
  EXPECT_FALSE(fit("reg.io/team/par", "reg.io", "team/partial"));
  EXPECT_FALSE(fit("reg.io/other", "reg.io", "team/app"));
  EXPECT_FALSE(fit("reg.io/team/app/more", "reg.io", "team/app"));
  EXPECT_GT(fit("reg.io/team/app", "reg.io", "team/app"), fit("reg.io/team", "reg.io", "team/app"));
}

TEST(RegistryKey, Case008IgnoresSchemesAndVersionPaths) {
  for (const auto* key : {"https://reg.io/v1/", "http://reg.io/v2/", "https://reg.io", "reg.io/",
                          "HTTPS://REG.io/v2"}) {
    EXPECT_TRUE(fit(key, "reg.io", "a/b")) << key;
  }
}

TEST(RegistryKey, Case004Case005KnowsDockerHubByAllItsNames) {
  for (const auto* key : {"https://index.docker.io/v1/", "https://index.docker.io", "docker.io",
                          "registry-1.docker.io", "index.docker.io/v1/"}) {
    EXPECT_TRUE(fit(key, "docker.io", "library/alpine")) << key;
    EXPECT_TRUE(fit(key, "index.docker.io", "library/alpine")) << key;
  }
}

TEST(RegistryKey, Case007TakesThePortForAPartOfTheHost) {
  EXPECT_FALSE(fit("reg.io", "reg.io:5000", "a"));
  EXPECT_FALSE(fit("reg.io:5000", "reg.io", "a"));
}

TEST(RegistryKey, Case006AHubNamespaceIsNotALibraryImage) {
  EXPECT_FALSE(fit("docker.io/vendor", "docker.io", "library/vendor"));
  EXPECT_TRUE(fit("docker.io/vendor", "docker.io", "vendor/app"));
}

TEST(RegistryKey, Case010TakesAddressesLiterally) {
  EXPECT_TRUE(fit("[::1]:5000", "[::1]:5000", "a"));
  EXPECT_FALSE(fit("[::1]", "[::1]:5000", "a"));
  EXPECT_FALSE(fit("[::1]:5000", "[0:0::1]:5000", "a"));
  EXPECT_TRUE(fit("10.0.0.1:5000", "10.0.0.1:5000", "a"));
  EXPECT_FALSE(fit("10.0.0.1:5000", "10.0.0.10:5000", "a"));
}

TEST(RegistryKey, Case033AKeyWithATagOrDigestMatchesNothing) {
  EXPECT_FALSE(fit("reg.io/team/app:1", "reg.io", "team/app"));
  EXPECT_FALSE(fit("reg.io/team/app@sha256:0", "reg.io", "team/app"));
}

TEST(RegistryKey, Case009StarsStandForOneLabelEach) {
  EXPECT_TRUE(fit("*.reg.io", "a.reg.io", "x"));
  EXPECT_TRUE(fit("a*.reg.io/team", "ab.reg.io", "team/x"));
  EXPECT_FALSE(fit("*.reg.io", "a.b.reg.io", "x"));
  EXPECT_FALSE(fit("*.reg.io", "reg.io", "x"));
  EXPECT_FALSE(fit("*.reg.io", "a.reg.io:5000", "x"));
  EXPECT_TRUE(fit("*.reg.io:5000", "a.reg.io:5000", "x"));
  EXPECT_GT(fit("a.reg.io", "a.reg.io", "x"), fit("*.reg.io", "a.reg.io", "x"));
}

TEST(RegistryKey, NeedsAHost) {
  EXPECT_FALSE(auth::RegistryKey::parse(""));
  EXPECT_FALSE(auth::RegistryKey::parse("https://"));
  EXPECT_FALSE(auth::RegistryKey::parse("/team"));
}
