// SPDX-License-Identifier: Apache-2.0
#include "stages/copy_file.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "tests/unit/stages/temp_tree.hpp"

TEST(CopyFile, KeepsBytesAndHoles) {
  TempTree work;
  work.file("from", "head");
  std::filesystem::resize_file(work.path("from"), 8U << 20);

  stages::copy_file(work.path("from"), work.path("to"), {});

  EXPECT_EQ(work.content("to"), work.content("from"));
}

TEST(CopyFile, GoesByMemoryBetweenFileSystems) {
  TempTree work;
  work.file("from", std::string(3U << 20, 'x'));
  const std::filesystem::path other = "/dev/shm/osartifact-copy-file-test";
  stages::copy_file(work.path("from"), other, {});
  const auto copied = base::read_file(other, 4U << 20);
  std::filesystem::remove(other);

  EXPECT_TRUE(copied == work.content("from"));
}

TEST(CopyFile, PutsAFileIntoAnotherAtItsPlace) {
  TempTree work;
  work.file("from", "middle").file("to", std::string(20, '.'));

  stages::copy_into(work.path("from"), work.path("to"), 7, {});

  EXPECT_EQ(work.content("to"), ".......middle.......");
}
