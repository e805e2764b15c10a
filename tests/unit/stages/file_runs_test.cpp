// SPDX-License-Identifier: Apache-2.0
#include "stages/file_runs.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "stages/file_digest.hpp"
#include "tests/unit/stages/temp_tree.hpp"

TEST(FileRuns, CoverTheFileAndTellHolesFromData) {
  TempTree work;
  work.file("sparse", std::string(4096, 'x')).file("empty", "");
  std::filesystem::resize_file(work.path("sparse"), 1U << 20);
  const auto sparse = base::open_for_reading(work.path("sparse"));
  const auto empty = base::open_for_reading(work.path("empty"));

  const auto runs = stages::runs_of(sparse.get(), "sparse");

  ASSERT_EQ(runs.size(), 2U);
  EXPECT_FALSE(runs[0].is_hole);
  EXPECT_TRUE(runs[1].is_hole);
  EXPECT_EQ(runs[0].bytes, runs[1].offset);
  EXPECT_EQ(runs[1].offset + runs[1].bytes, 1U << 20);
  EXPECT_TRUE(stages::runs_of(empty.get(), "empty").empty());
}

TEST(FileDigest, IsThatOfAllBytesOfAFileWithHoles) {
  TempTree work;
  work.file("sparse", "head");
  std::filesystem::resize_file(work.path("sparse"), 3U << 20);

  EXPECT_EQ(stages::digest_of_file(work.path("sparse"), {}),
            oci::Digest::of("head" + std::string((3U << 20) - 4, '\0')));
}

TEST(FileDigest, OfAFileWithChangesIsWhatItWillBe) {
  TempTree work;
  work.file("sparse", "begin");
  std::filesystem::resize_file(work.path("sparse"), 5U << 20);
  // In data, across two pieces of a hole, which goes on being empty after it, and at the end.
  const std::vector<stages::FileChange> changes = {{.at = 2, .bytes = "X"},
                                                   {.at = (3U << 20) - 2, .bytes = "over"},
                                                   {.at = (5U << 20) - 1, .bytes = "e"}};

  const auto expected = stages::digest_of_file(work.path("sparse"), {}, changes);
  stages::write_changes(work.path("sparse"), changes);

  EXPECT_EQ(stages::digest_of_file(work.path("sparse"), {}), expected);
}
