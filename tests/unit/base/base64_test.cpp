// SPDX-License-Identifier: Apache-2.0
#include "base/base64.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors = {{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(base::base64_encode(plain), encoded);
    EXPECT_EQ(base::base64_decode(encoded), plain);
  }
}

TEST(Base64, DecodesEveryByteBothAlphabetsAndLineEnds) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);

  EXPECT_EQ(base::base64_decode(base::base64_encode(all)), all);
  EXPECT_EQ(base::base64_decode("-_-_"), base::base64_decode("+/+/"));
  EXPECT_EQ(base::base64_decode("Zm9v\nYg"), "foob");
}

TEST(Base64, RefusesWhatIsNotBase64) {
  for (const auto* text : {"Z", "Zg=", "Zg===", "Z g==", "Zg==Zg==", "Zm9v!", "="}) {
    EXPECT_FALSE(base::base64_decode(text)) << text;
  }
}

TEST(Base64Strict, DecodesTheRfcsExamples) {
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"Zg==", "f"},
                                                      {"Zm8=", "fo"},
                                                      {"Zm9v", "foo"},
                                                      {"Zm9vYg==", "foob"},
                                                      {"Zm9vYmE=", "fooba"},
                                                      {"Zm9v\nYmFy\n", "foobar"}};
  for (const auto& [text, bytes] : rows) EXPECT_EQ(base::base64_decode_strict(text), bytes) << text;
}

TEST(Base64Strict, RefusesWhatIsNot) {
  for (const auto* text :
       {"Z", "Zg", "Zg=", "Zg=a", "=Zg=", "Zg==Zg==", "Zm9v====", "Z-_=", "hi there"}) {
    EXPECT_EQ(base::base64_decode_strict(text), std::nullopt) << text;
  }
}
