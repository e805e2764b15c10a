// SPDX-License-Identifier: Apache-2.0
#include "auth/docker_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.hpp"

namespace {

using auth::Credential;
using auth::DockerConfig;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

DockerConfig parse(const std::string& text) {
  return DockerConfig::parse(base::Secret(text), "/x/config.json");
}

std::string with_auth(const std::string& plain) {
  return R"({"auths":{"reg.io":{"auth":")" + base::base64_encode(plain) + R"("}}})";
}

std::string rendered_error(const std::string& text) {
  try {
    static_cast<void>(parse(text).find("reg.io", "a"));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnauthorized);
    return base::render(error);
  }
  return "nothing was thrown";
}

}  // namespace

TEST(DockerConfig, Case001GivesTheMostSpecificEntry) {
  const auto config = parse(
      R"({"auths":{"reg.io":{"username":"host","password":"p"},
                   "reg.io/team":{"username":"team","password":"p"},
                   "reg.io/team/app":{"username":"app","password":"p"}}})");

  EXPECT_EQ(config.find("reg.io", "team/app")->user, "app");
  EXPECT_EQ(config.find("reg.io", "team/other")->user, "team");
  EXPECT_EQ(config.find("reg.io", "x")->user, "host");
  EXPECT_FALSE(config.find("else.io", "team/app"));
  EXPECT_EQ(config.find("reg.io", "x")->origin, "/x/config.json, key reg.io");
}

TEST(DockerConfig, Case002NeverGivesTheEntryOfAnotherNamespace) {
  const auto config = parse(
      R"({"auths":{"reg.io/other":{"username":"other","password":"p"},
                   "https://reg.io/v1/other":{"username":"old","password":"p"}}})");

  EXPECT_FALSE(config.find("reg.io", "team/app"));
  EXPECT_FALSE(config.find("reg.io", "others"));
  EXPECT_EQ(config.find("reg.io", "other/app")->user, "other");
}

TEST(DockerConfig, Case019TakesUserAndPasswordWithoutAuth) {
  const auto found =
      parse(R"({"auths":{"reg.io":{"username":"bob","password":"p:w","email":"b@x"}}})")
          .find("reg.io", "a");

  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "bob");
  EXPECT_EQ(found->secret.reveal(), "p:w");
}

TEST(DockerConfig, Case032TheVariableHoldsAuthAloneAndOneDocument) {
  const auto variable = [](const std::string& text) {
    return DockerConfig::parse(base::Secret(text), "DOCKER_AUTH_CONFIG",
                               DockerConfig::Form::kVariable);
  };

  EXPECT_EQ(variable(with_auth("bob:p")).find("reg.io", "a")->user, "bob");
  for (const auto* text :
       {R"({"auths":{"reg.io":{"auth":"Ym9iOnA=","password":"canary"}}})",
        R"({"auths":{},"credsStore":"pass"})", R"({"reg.io":{"auth":"Ym9iOnA="}})", "{}",
        R"({"auths":{"reg.io":{"auth":"Ym9iOnA="}}} {"auths":{}})", R"({"auths":[1]})"}) {
    EXPECT_THROW(variable(text), base::Error) << text;
  }
}

TEST(DockerConfig, Case018DecodesAuthAtTheFirstColon) {
  const auto found = parse(with_auth("bob:pa:ss")).find("reg.io", "a");
  const auto padded = parse(with_auth(std::string("bob:pass\0\0", 10))).find("reg.io", "a");

  EXPECT_EQ(found->user, "bob");
  EXPECT_EQ(found->secret.reveal(), "pa:ss");
  EXPECT_EQ(padded->secret.reveal(), "pass");
}

TEST(DockerConfig, Case021Case022KnowsTokens) {
  const auto identity = parse(R"({"auths":{"reg.io":{"auth":"MDAwMDo=","identitytoken":"t1"}}})");
  const auto bearer = parse(R"({"auths":{"reg.io":{"registrytoken":"t2"}}})");

  EXPECT_EQ(identity.find("reg.io", "a")->kind, Credential::Kind::kIdentityToken);
  EXPECT_EQ(identity.find("reg.io", "a")->secret.reveal(), "t1");
  EXPECT_EQ(bearer.find("reg.io", "a")->kind, Credential::Kind::kRegistryToken);
}

TEST(DockerConfig, Case020TakesEmptyEntriesForNone) {
  const auto config = parse(R"({"auths":{"reg.io":{},"b.io":{"auth":""}},"credsStore":"pass"})");

  EXPECT_FALSE(config.find("reg.io", "a"));
  EXPECT_FALSE(config.find("b.io", "a"));
  EXPECT_EQ(config.store(), "pass");
}

TEST(DockerConfig, Case027ReadsTheLegacyForm) {
  const auto config = parse(R"({"https://index.docker.io/v1/":{"auth":"Ym9iOnB3","email":"x@y"}})");

  EXPECT_EQ(config.find("docker.io", "library/alpine")->user, "bob");
}

TEST(DockerConfig, FindsTheHelperOfAHost) {
  const auto config = parse(R"({"credHelpers":{"Reg.io":"ecr-login"}})");

  EXPECT_EQ(config.helper_for("reg.io"), "ecr-login");
  EXPECT_FALSE(config.helper_for("other.io"));
}

TEST(DockerConfig, Case011TellsWhereAFileIsBrokenButNotWhatItSays) {
  EXPECT_THAT(rendered_error(R"({"auths":{"reg.io":{"password":"canary" oops)"),
              AllOf(HasSubstr("/x/config.json"), HasSubstr("at byte"), Not(HasSubstr("canary"))));
  EXPECT_THAT(rendered_error("canary"), AllOf(HasSubstr("broken JSON"), Not(HasSubstr("canary"))));
  EXPECT_THAT(rendered_error("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(rendered_error(R"({"auths":["canary"]})"), HasSubstr("'auths' is not an object"));
  EXPECT_THAT(rendered_error(with_auth("canary")),
              AllOf(HasSubstr("not user:password"), Not(HasSubstr("canary"))));
  EXPECT_THAT(rendered_error(R"({"auths":{"reg.io":{"auth":"canary!"}}})"),
              AllOf(HasSubstr("not base64"), Not(HasSubstr("canary"))));
  EXPECT_THAT(rendered_error(R"({"auths":{"reg.io":{"username":"bob"}}})"),
              HasSubstr("without a password"));
  EXPECT_THAT(rendered_error(std::string(100, '[')), HasSubstr("too deep"));
}

TEST(DockerConfig, ABrokenEntryDoesNoHarmToOthers) {
  const auto config =
      parse(R"({"auths":{"bad.io":{"auth":"!"},"reg.io":{"username":"bob","password":"p"}}})");

  EXPECT_EQ(config.find("reg.io", "a")->user, "bob");
  EXPECT_THROW(config.find("bad.io", "a"), base::Error);
}
