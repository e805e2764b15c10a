// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/foreign_programs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::dockerfile::obstacle_to_running;
using testing::HasSubstr;

oci::Platform platform(const std::string& architecture) {
  return {.os = "linux", .architecture = architecture, .variant = ""};
}

std::string registration(const std::string& flags) {
  return "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: " + flags +
         "\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffff\n";
}

TEST(ForeignPrograms, RunWhereTheyAreAtHome) {
  EXPECT_EQ(obstacle_to_running(platform("amd64"), platform("amd64"), "/nowhere"), std::nullopt);
  EXPECT_EQ(obstacle_to_running(platform("386"), platform("amd64"), "/nowhere"), std::nullopt);
}

TEST(ForeignPrograms, SayThatNothingRunsThem) {
  const auto obstacle = obstacle_to_running(platform("arm64"), platform("amd64"), "/nowhere");

  ASSERT_TRUE(obstacle);
  EXPECT_THAT(*obstacle, HasSubstr("has nothing registered that runs arm64 programs"));
}

TEST(ForeignPrograms, NeedWhatIsRegisteredForGood) {
  TempTree fixed;
  fixed.file("qemu-aarch64", registration("F")).file("status", "enabled\n");
  TempTree loose;
  loose.file("qemu-aarch64", registration(""));

  EXPECT_EQ(obstacle_to_running(platform("arm64"), platform("amd64"), fixed.path()), std::nullopt);
  EXPECT_THAT(obstacle_to_running(platform("arm64"), platform("amd64"), loose.path()).value(),
              HasSubstr("without the flag F"));
  EXPECT_TRUE(obstacle_to_running(platform("s390x"), platform("amd64"), fixed.path()));
}

}  // namespace
