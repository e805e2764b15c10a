// SPDX-License-Identifier: Apache-2.0
#include "auth/challenge.hpp"

#include <gtest/gtest.h>

using auth::parse_challenges;

TEST(Challenge, ReadsTheUsualForm) {
  const auto challenges = parse_challenges(
      R"(Bearer realm="https://auth.io/token",service="reg.io",scope="repository:a/b:pull,push")");

  ASSERT_EQ(challenges.size(), 1U);
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_EQ(challenges[0].parameter("realm"), "https://auth.io/token");
  EXPECT_EQ(challenges[0].parameter("scope"), "repository:a/b:pull,push");
  EXPECT_EQ(challenges[0].parameter("error"), "");
}

TEST(Challenge, Case050IsLenientWithTheZoo) {
  const struct {
    const char* header;
    const char* realm;
  } cases[] = {{"bearer realm=https://auth.io/token,service=x", "https://auth.io/token"},
               {R"(BEARER Realm="https://a.io" service="x")", "https://a.io"},
               {R"(Bearer realm="https://a.io)", "https://a.io"},
               {R"(Bearer ,,realm = "https://a.io",)", "https://a.io"},
               {R"(Bearer charset="UTF-8",realm="a\"b")", R"(a"b)"},
               {R"(Bearer service=,realm="x")", "x"},
               {R"(Bearer realm="first",realm="second")", "first"}};
  for (const auto& [header, realm] : cases) {
    const auto challenges = parse_challenges(header);
    ASSERT_EQ(challenges.size(), 1U) << header;
    EXPECT_EQ(challenges[0].scheme, "bearer") << header;
    EXPECT_EQ(challenges[0].parameter("realm"), realm) << header;
  }
}

TEST(Challenge, SeparatesSeveralInOneHeader) {
  const auto challenges =
      parse_challenges(R"(Negotiate, Basic realm="x, y", Bearer realm="https://a.io",service=s)");

  ASSERT_EQ(challenges.size(), 3U);
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_EQ(challenges[1].parameter("realm"), "x, y");
  EXPECT_EQ(challenges[2].parameter("service"), "s");
}

TEST(Challenge, Case050MakesNothingOfNonsense) {
  EXPECT_TRUE(parse_challenges("").empty());
  EXPECT_TRUE(parse_challenges(" , ;; ").empty());
  EXPECT_TRUE(parse_challenges("\"\x01\xff\"=@(").empty());
  EXPECT_TRUE(parse_challenges("=value").size() <= 1);
  EXPECT_NO_THROW(parse_challenges("Bearer realm=\"\\"));
  EXPECT_NO_THROW(parse_challenges(std::string(1000000, 'a')));
}
