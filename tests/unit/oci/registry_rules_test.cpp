// SPDX-License-Identifier: Apache-2.0
#include "oci/registry_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace {

using oci::RegistryMirror;
using testing::ElementsAre;
using testing::HasSubstr;

RegistryMirror mirror(const std::string& location,
                      RegistryMirror::Pull pull = RegistryMirror::Pull::kAll) {
  return {.location = location,
          .insecure = false,
          .plain_http = false,
          .pull = pull,
          .origin = "a.conf:1"};
}

oci::RegistryRule rule(const std::string& prefix, const std::string& location,
                       std::vector<RegistryMirror> mirrors = {}) {
  return {.prefix = prefix,
          .location = location,
          .insecure = false,
          .blocked = false,
          .mirrors = std::move(mirrors),
          .origin = "a.conf:1"};
}

/// Where `name` is asked for, in order.
std::vector<std::string> places(const oci::RegistryRules& rules, const std::string& name) {
  const auto reference = oci::Reference::parse(name);
  std::vector<std::string> texts;
  for (const auto& place : rules.places_for(reference, reference.digest.has_value())) {
    texts.push_back(place.reference.text());
  }
  return texts;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const base::Error& error) {
    return base::render(error);
  }
  return "nothing was thrown";
}

const std::string kDigest = "sha256:" + std::string(64, 'a');

}  // namespace

TEST(RegistryRules, ANameWithoutARuleIsWhereItSays) {
  oci::RegistryRules rules;
  rules.set(rule("quay.io", "", {mirror("mirror.corp")}));

  EXPECT_THAT(places(rules, "ghcr.io/a/b:1"), ElementsAre("ghcr.io/a/b:1"));
  EXPECT_TRUE(rules.places_for(oci::Reference::parse("ghcr.io/a/b:1"), false)[0].origin.empty());
}

TEST(RegistryRules, MirrorsComeInOrderAndTheRegistryLast) {
  oci::RegistryRules rules;
  rules.set(rule("docker.io", "", {mirror("one.corp:5000/hub"), mirror("two")}));

  EXPECT_THAT(places(rules, "debian:12"),
              ElementsAre("one.corp:5000/hub/library/debian:12", "two/library/debian:12",
                          "docker.io/library/debian:12"));
}

TEST(RegistryRules, TheLongestPrefixDecidesAndEndsAtABorder) {
  oci::RegistryRules rules;
  rules.set(rule("quay.io", "host.corp"));
  rules.set(rule("quay.io/team", "team.corp/x"));
  rules.set(rule("quay.io/team/app:1", "one.corp/app:uno"));

  EXPECT_THAT(places(rules, "quay.io/team/app:2"), ElementsAre("team.corp/x/app:2"));
  EXPECT_THAT(places(rules, "quay.io/team/app:1"), ElementsAre("one.corp/app:uno"));
  EXPECT_THAT(places(rules, "quay.io/teams/app:1"), ElementsAre("host.corp/teams/app:1"));
  EXPECT_THAT(places(rules, "quay.io/team/app@" + kDigest),
              ElementsAre("team.corp/x/app@" + kDigest));
}

TEST(RegistryRules, APortBelongsToItsHost) {
  oci::RegistryRules rules;
  rules.set(rule("reg.corp", "elsewhere.corp"));
  rules.set(rule("*.sub.corp", "below.corp"));

  EXPECT_THAT(places(rules, "reg.corp:5000/a:1"), ElementsAre("reg.corp:5000/a:1"));
  EXPECT_THAT(places(rules, "x.sub.corp:5000/a:1"), ElementsAre("x.sub.corp:5000/a:1"));
}

TEST(RegistryRules, AWildcardIsForAllBelowADomainButNotForItself) {
  oci::RegistryRules rules;
  rules.set(rule("*.corp.example", "", {mirror("mirror.example/corp")}));

  EXPECT_THAT(places(rules, "a.b.corp.example/x:1"),
              ElementsAre("mirror.example/corp/x:1", "a.b.corp.example/x:1"));
  EXPECT_THAT(places(rules, "corp.example/x:1"), ElementsAre("corp.example/x:1"));
  EXPECT_THAT(places(rules, "evilcorp.example/x:1"), ElementsAre("evilcorp.example/x:1"));
  EXPECT_THAT(places(rules, "reg.io/a.corp.example/x:1"), ElementsAre("reg.io/a.corp.example/x:1"));
}

TEST(RegistryRules, AMirrorCanBeForDigestsOrForTagsAlone) {
  oci::RegistryRules rules;
  rules.set(rule("quay.io", "",
                 {mirror("digests.corp", RegistryMirror::Pull::kDigestOnly),
                  mirror("tags.corp", RegistryMirror::Pull::kTagOnly)}));

  EXPECT_THAT(places(rules, "quay.io/a:1"), ElementsAre("tags.corp/a:1", "quay.io/a:1"));
  EXPECT_THAT(places(rules, "quay.io/a@" + kDigest),
              ElementsAre("digests.corp/a@" + kDigest, "quay.io/a@" + kDigest));
}

TEST(RegistryRules, ABlockedNameIsAnErrorThatNamesTheFile) {
  oci::RegistryRules rules;
  auto blocked = rule("quay.io/team", "", {mirror("mirror.corp")});
  blocked.blocked = true;
  rules.set(blocked);
  add_mirror_flag("quay.io=https://other.corp", rules);

  EXPECT_THAT(error_of([&] { places(rules, "quay.io/team/a:1"); }),
              HasSubstr("quay.io/team is blocked in a.conf:1"));
  EXPECT_THAT(places(rules, "quay.io/free/a:1"),
              ElementsAre("other.corp/free/a:1", "quay.io/free/a:1"));
}

TEST(RegistryRules, MirrorsOfTheFlagComeBeforeThoseOfTheFile) {
  oci::RegistryRules rules;
  rules.set(rule("docker.io/library", "", {mirror("file.corp")}));
  add_mirror_flag("docker.io=https://one.corp/hub/", rules);
  add_mirror_flag("docker.io=http://two.corp:5000", rules);
  add_mirror_flag("docker.io=three.corp", rules);

  EXPECT_THAT(places(rules, "debian"),
              ElementsAre("one.corp/hub/library/debian:latest",
                          "two.corp:5000/library/debian:latest", "three.corp/library/debian:latest",
                          "file.corp/debian:latest", "docker.io/library/debian:latest"));
}

TEST(RegistryRules, AllNamesOfDockerHubAreOne) {
  oci::RegistryRules rules;
  add_mirror_flag("Index.Docker.io=https://Mirror.CORP/hub", rules);
  rules.set(rule("quay.io", oci::checked_location("registry-1.docker.io/quay", false, "it")));

  EXPECT_THAT(places(rules, "debian:12"),
              ElementsAre("mirror.corp/hub/library/debian:12", "docker.io/library/debian:12"));
  EXPECT_THAT(places(rules, "quay.io/a:1"), ElementsAre("docker.io/quay/a:1"));
}

TEST(RegistryRules, ABadFlagSaysWhatIsWrong) {
  oci::RegistryRules rules;

  EXPECT_THAT(error_of([&] { add_mirror_flag("mirror.corp", rules); }), HasSubstr("no '='"));
  EXPECT_THAT(error_of([&] { add_mirror_flag("docker.io=", rules); }), HasSubstr("no host"));
  EXPECT_THAT(error_of([&] { add_mirror_flag("docker.io=ftp://x", rules); }), HasSubstr("URL"));
  EXPECT_THAT(error_of([&] { add_mirror_flag("=https://x", rules); }), HasSubstr("no host"));
  EXPECT_THAT(error_of([&] { add_mirror_flag("a.io=https://x?y", rules); }), HasSubstr("no host"));
  const auto with_user = error_of([&] { add_mirror_flag("a.io=https://bob:canary@x", rules); });
  EXPECT_THAT(with_user, HasSubstr("holds a user"));
  EXPECT_THAT(with_user, testing::Not(HasSubstr("canary")));
  EXPECT_TRUE(rules.empty());
}

TEST(RegistryRules, Case060InsecureIsForTheHostThatSaysSo) {
  oci::RegistryRules rules;
  auto insecure = rule("insecure.io", "", {mirror("secure-mirror.io")});
  insecure.insecure = true;
  auto secure = rule("secure.io/a", "moved.io:5000/b", {mirror("insecure-mirror.io:444/x")});
  secure.mirrors[0].insecure = true;
  rules.set(insecure);
  rules.set(secure);
  add_mirror_flag("secure.io=http://plain.io", rules);

  base::TlsTrustOptions trust;
  rules.add_trust(trust);

  EXPECT_THAT(trust.insecure_hosts, ElementsAre("insecure-mirror.io:444", "insecure.io"));
  EXPECT_THAT(trust.plain_http_hosts, ElementsAre("plain.io"));
}
