// SPDX-License-Identifier: Apache-2.0
#include "base/format.hpp"

#include <gtest/gtest.h>

#include <array>

TEST(Format, BytesUseBinaryUnits) {
  EXPECT_EQ(base::format_bytes(812), "812 B");
  EXPECT_EQ(base::format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(base::format_bytes(3ULL << 30), "3.0 GiB");
}

TEST(Format, DurationsGrowTheirUnits) {
  using std::chrono::milliseconds;
  EXPECT_EQ(base::format_duration(milliseconds(400)), "0.4 s");
  EXPECT_EQ(base::format_duration(milliseconds(125'000)), "2 min 05 s");
  EXPECT_EQ(base::format_duration(milliseconds(3'720'000)), "1 h 02 min");
}

TEST(Format, NearestFindsATypoAndNothingElse) {
  constexpr std::array<std::string_view, 2> kFields = {"cloudImage", "iso"};
  EXPECT_EQ(base::nearest("cloudImge", kFields), "cloudImage");
  EXPECT_EQ(base::nearest("zzzzzzzz", kFields), "");
}

TEST(Format, NearestPrefersSwappedLetters) {
  constexpr std::array<std::string_view, 3> kWords = {"ENV", "USER", "RUN"};
  EXPECT_EQ(base::nearest("RNU", kWords), "RUN");
  EXPECT_EQ(base::edit_distance("chwon", "CHOWN"), 1U);
  EXPECT_EQ(base::edit_distance("abc", ""), 3U);
}

TEST(Format, Case116PrintableTextCannotSteerATerminal) {
  EXPECT_EQ(base::printable("plain text, größer, 漢字, \xf0\x9f\x98\x80\n"),
            "plain text, größer, 漢字, \xf0\x9f\x98\x80\n");
  EXPECT_EQ(base::printable(std::string_view("a\0b\x1b[2J\x7f\r", 8)), "a\\x00b\\x1b[2J\\x7f");
  EXPECT_EQ(base::printable("\xc2\x9b[2J"), "\\xc2\\x9b[2J");
  EXPECT_EQ(base::printable("\xff \xc3"), "\\xff \\xc3");
  EXPECT_EQ(base::printable("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(base::printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}
