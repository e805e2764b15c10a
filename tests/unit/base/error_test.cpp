// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

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

TEST(Error, FullDiskHasItsOwnCode) {
  try {
    base::throw_system_error(ENOSPC, "cannot write f");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace);
    EXPECT_EQ(base::exit_status(error.code()), 8);
  }
}
