// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/temp_dir.hpp"

TEST(Files, AtomicWriteLeavesNothingBesideTheFile) {
  const base::TempDir folder(base::temp_root(), "files_test");
  const auto path = folder.path() / "f";

  base::write_file_atomically(path, "one");
  base::write_file_atomically(path, "two");

  EXPECT_EQ(base::read_file(path, 100), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Files, ReadStopsAtItsLimit) {
  const base::TempDir folder(base::temp_root(), "files_test");
  base::write_file_atomically(folder.path() / "f", "12345");

  EXPECT_THROW(base::read_file(folder.path() / "f", 4), base::Error);
  EXPECT_EQ(base::read_file_if_exists(folder.path() / "missing", 4), std::nullopt);
}

TEST(Files, ALockIsHeldOnce) {
  const base::TempDir folder(base::temp_root(), "files_test");
  const auto first = base::FileLock::acquire(folder.path() / "lock");

  EXPECT_FALSE(base::FileLock::try_acquire(folder.path() / "lock").has_value());
}
