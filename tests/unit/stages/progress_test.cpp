// SPDX-License-Identifier: Apache-2.0
#include "stages/progress.hpp"

#include <gtest/gtest.h>

using stages::progress_in;

TEST(Progress, ReadsTheLinesOfTheTools) {
  EXPECT_EQ(progress_in("[=====|      ] 512/1024  50%"), 0.5);
  EXPECT_EQ(progress_in("xorriso : UPDATE :  25.00% done"), 0.25);
  EXPECT_EQ(progress_in("UPDATE : Writing:  35712s  75.0%  fifo  99%  buf  50%"), 0.75);
  EXPECT_EQ(progress_in("100%"), 1.0);
}

TEST(Progress, TakesNothingElseForProgress) {
  EXPECT_EQ(progress_in("Creating 4.0 filesystem"), std::nullopt);
  EXPECT_EQ(progress_in("%"), std::nullopt);
  EXPECT_EQ(progress_in("83.39% of uncompressed filesystem size"), std::nullopt);
  EXPECT_EQ(progress_in("uncompressed size 250%"), std::nullopt);
}
