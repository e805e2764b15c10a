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
