// SPDX-License-Identifier: Apache-2.0
#include "base/mask.hpp"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(Mask, TakesSecretsOutOfTexts) {
  const Mask mask({Secret("hunter2"), Secret("hunter2-longer"), Secret("")});

  EXPECT_EQ(mask.apply("a hunter2 b hunter2-longer, hunter2hunter2"), "a *** b ***, ******");
  EXPECT_EQ(mask.apply("nothing here"), "nothing here");
  EXPECT_EQ(Mask().apply("hunter2"), "hunter2");
}

TEST(Mask, TakesTheLinesOfASecretOutOneByOne) {
  const Mask mask({Secret("-----BEGIN\nAAAABBBB\n\nx\n")});

  EXPECT_EQ(mask.apply("key: AAAABBBB"), "key: ***");
  EXPECT_EQ(mask.apply("x marks the spot"), "x marks the spot");
}

TEST(Mask, LeavesShortSecretsAlone) { EXPECT_EQ(Mask({Secret("a1")}).apply("a1"), "a1"); }

TEST(Mask, MasksAllOfAnError) {
  const Mask mask({Secret("hunter2")});
  Error error({.code = ErrorCode::kBuildStep, .what = "RUN hunter2", .why = "hunter2", .hint = ""});
  error.add_context("doing hunter2");

  const auto masked = mask.apply(error);

  EXPECT_EQ(masked.code(), ErrorCode::kBuildStep);
  EXPECT_EQ(render(masked).find("hunter2"), std::string::npos);
  EXPECT_EQ(masked.contexts().size(), 1);
}

}  // namespace
}  // namespace base
