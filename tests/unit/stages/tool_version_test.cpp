// SPDX-License-Identifier: Apache-2.0
#include "stages/tool_version.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace stages {
namespace {

constexpr ToolVersion kLeast{.major = 1, .minor = 24};

TEST(ToolVersion, IsTheFirstNumberWithAPoint) {
  EXPECT_EQ(check_version("t", "buildah version 1.28.2 (image-spec 1.1.0-rc2)", kLeast),
            (ToolVersion{1, 28}));
  EXPECT_EQ(check_version("t", "Kaniko version :  v1.24.0\n", kLeast), (ToolVersion{1, 24}));
  EXPECT_EQ(check_version("t", "tool 7 of v2.0", kLeast), (ToolVersion{2, 0}));
}

TEST(ToolVersion, TooOldOrNoneIsAnError) {
  for (const char* said : {"buildah version 1.23.9", "0.99", "no number", "7", ""}) {
    EXPECT_THROW(check_version("t", said, kLeast), base::Error) << said;
  }
}

}  // namespace
}  // namespace stages
