// SPDX-License-Identifier: Apache-2.0
#include "auth/token.hpp"

#include <gtest/gtest.h>

using auth::parse_token;
using std::chrono::seconds;

TEST(Token, Case052IsReadFromEitherField) {
  EXPECT_EQ(parse_token(R"({"token":"a"})")->value.reveal(), "a");
  EXPECT_EQ(parse_token(R"({"access_token":"b"})")->value.reveal(), "b");
  EXPECT_EQ(parse_token(R"({"token":"a","access_token":"b"})")->value.reveal(), "a");
  EXPECT_EQ(parse_token(R"({"token":"","access_token":"b"})")->value.reveal(), "b");
}

TEST(Token, Case052LivesAtLeastAMinute) {
  EXPECT_EQ(parse_token(R"({"token":"a"})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token(R"({"token":"a","expires_in":0})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token(R"({"token":"a","expires_in":-5})")->lifetime, seconds(60));
  EXPECT_EQ(parse_token(R"({"token":"a","expires_in":300})")->lifetime, seconds(300));
  EXPECT_EQ(parse_token(R"({"token":"a","expires_in":1e300})")->lifetime, seconds(86400));
  EXPECT_EQ(parse_token(R"({"token":"a","expires_in":"x"})")->lifetime, seconds(60));
}

TEST(Token, Case091LivesFromItsReceiptWhateverTheServersClockSays) {
  for (const char* issued : {"2999-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "soon"}) {
    const auto token = parse_token(std::string(R"({"token":"a","expires_in":90,"issued_at":")") +
                                   issued + R"("})");
    ASSERT_TRUE(token) << issued;
    EXPECT_EQ(token->lifetime, seconds(90)) << issued;
  }
}

TEST(Token, Case052IsRefusedWhenItIsNone) {
  EXPECT_FALSE(parse_token(""));
  EXPECT_FALSE(parse_token("<html>"));
  EXPECT_FALSE(parse_token("[]"));
  EXPECT_FALSE(parse_token(R"({"token":5})"));
  EXPECT_FALSE(parse_token(R"({"token":"a\r\nX-Evil: 1"})")) << "it would end its header";
}

TEST(Token, BasicIsUserAndPasswordInBase64) {
  const auth::Credential credential{.kind = auth::Credential::Kind::kBasic,
                                    .user = "bob",
                                    .secret = base::Secret("pw"),
                                    .origin = ""};

  EXPECT_EQ(auth::basic_authorization(credential).reveal(), "Basic Ym9iOnB3");
}
