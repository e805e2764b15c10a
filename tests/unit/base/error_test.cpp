// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <map>

TEST(Error, RendersFactsAndContextsInTheOrderOfTheDesign) {
  base::Error error({.code = base::ErrorCode::kUnauthorized,
                     .what = "cannot pull a",
                     .why = "401",
                     .hint = "log in"});
  error.add_context("running stage 'pull'");

  EXPECT_EQ(base::render(error),
            "error: cannot pull a\n  while running stage 'pull'\n  because: 401\n  try: log in");
}

TEST(Error, EscapesControlCharactersOfForeignTexts) {
  const base::Error error(
      {.code = base::ErrorCode::kRegistry, .what = "x", .why = "a\x1b[31m", .hint = ""});

  EXPECT_EQ(base::render(error), "error: x\n  because: a\\x1b[31m");
}

TEST(Error, Case237AFullDiskAnExceededQuotaAndABrokenDiskAreToldApart) {
  const std::map<int, base::ErrorCode> codes = {{ENOSPC, base::ErrorCode::kNoSpace},
                                                {EDQUOT, base::ErrorCode::kNoSpace},
                                                {EIO, base::ErrorCode::kIo},
                                                {EROFS, base::ErrorCode::kIo}};
  for (const auto& [number, code] : codes) {
    try {
      base::throw_system_error(number, "cannot write f");
      FAIL();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), code);
      EXPECT_EQ(base::exit_status(error.code()), 8);
      EXPECT_EQ(error.facts().what, "cannot write f");
      EXPECT_THAT(error.facts().why, testing::HasSubstr(std::strerror(number)));
    }
  }
}
