// SPDX-License-Identifier: Apache-2.0
#include "base/temp_dir.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"

TEST(TempDir, RemovesFoldersWithoutPermissionsAndDoesNotFollowLinks) {
  const base::TempDir outside(base::temp_root(), "temp_dir_test");
  base::write_file_atomically(outside.path() / "kept", "x");
  std::filesystem::path gone;
  {
    const base::TempDir folder(base::temp_root(), "temp_dir_test");
    gone = folder.path();
    std::filesystem::create_directories(gone / "closed/deep");
    std::filesystem::create_directory_symlink(outside.path(), gone / "closed/link");
    std::filesystem::permissions(gone / "closed", std::filesystem::perms::none);
  }

  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_TRUE(std::filesystem::exists(outside.path() / "kept"));
}
