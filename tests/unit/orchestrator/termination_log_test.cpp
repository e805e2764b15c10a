// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/termination_log.hpp"

#include <gtest/gtest.h>

TEST(TerminationLog, Case276OfALongTextWhatFailedAndWhatToDoStay) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "\u00fc line of a tool\n";
  const base::Error error({.code = base::ErrorCode::kArtifactTool,
                           .what = "mksquashfs failed",
                           .why = lines,
                           .hint = "free memory"});

  for (std::size_t bytes = 4090; bytes <= 4096; ++bytes) {
    const auto text = orchestrator::termination_message(error, bytes);
    EXPECT_LE(text.size(), bytes);
    EXPECT_GT(text.size(), bytes - 16);
    EXPECT_TRUE(text.starts_with("error: mksquashfs failed\n"));
    EXPECT_TRUE(text.ends_with("  try: free memory"));
    const auto cut = text.find("\n[...]\n");
    ASSERT_NE(cut, std::string::npos);
    EXPECT_NE(text[cut - 1], '\xc3');
    EXPECT_NE(text[cut + 7], '\xbc');
  }
}

TEST(TerminationLog, WhatWasShownBeforeComesFirst) {
  const orchestrator::ErrorAfterLines error(
      {.code = base::ErrorCode::kManifest, .what = "x", .why = "", .hint = ""},
      "demo.yaml:1:2: bad");

  EXPECT_EQ(base::render(error), "error: x");
  EXPECT_EQ(orchestrator::termination_message(error, 100), "demo.yaml:1:2: bad\nerror: x");
}
