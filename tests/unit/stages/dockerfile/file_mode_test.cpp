// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/file_mode.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace stages::dockerfile {
namespace {

mode_t changed(const char* text, mode_t mode, bool is_folder = false) {
  return ModeChange(text).apply(mode, is_folder);
}

TEST(ModeChange, TakesOctalNumbers) {
  EXPECT_EQ(changed("0640", 0777), 0640U);
  EXPECT_EQ(changed("4755", 0), 04755U);
  EXPECT_EQ(ModeChange("755").number(), 0755U);
}

TEST(ModeChange, TakesSymbols) {
  EXPECT_EQ(changed("u+x", 0644), 0744U);
  EXPECT_EQ(changed("+x", 0644), 0755U);
  EXPECT_EQ(changed("go-rwx", 0777), 0700U);
  EXPECT_EQ(changed("u=rwX,go=rX", 0600), 0644U);
  EXPECT_EQ(changed("u=rwX,go=rX", 0700), 0755U);
  EXPECT_EQ(changed("u=rwX,go=rX", 0600, true), 0755U);
  EXPECT_EQ(changed("a=r", 0777), 0444U);
  EXPECT_EQ(changed("g=u", 0750), 0770U);
  EXPECT_EQ(changed("u+s,g+s,+t", 0755), 07755U);
  EXPECT_EQ(changed("o=", 0777), 0770U);
  EXPECT_EQ(changed("u+w-x+r", 0100), 0600U);
  EXPECT_EQ(ModeChange("u+x").number(), std::nullopt);
}

TEST(ModeChange, RefusesTheRest) {
  for (const char* text :
       {"", "8", "10000", "0x1ff", "u", "u+q", "rwx", "u+x,", "-1", "u~x", "ux"}) {
    EXPECT_THROW(ModeChange{text}, base::Error) << text;
  }
}

}  // namespace
}  // namespace stages::dockerfile
