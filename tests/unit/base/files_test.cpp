// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/error.hpp"
#include "base/temp_dir.hpp"

TEST(Files, WritesInTheMiddleAndLeavesTheRest) {
  const base::TempDir folder(base::temp_root(), "files_test");
  const auto file = folder.path() / "file";
  base::write_file_atomically(file, "abcdef");
  const base::FileDescriptor fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));

  base::write_all_at(fd.get(), 2, "XY", "file");

  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_CUR), 0);
  EXPECT_EQ(base::read_file(file, 10), "abXYef");
  EXPECT_THROW(base::write_all_at(-1, 0, "x", "file"), base::Error);
}

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

TEST(Files, Case282ALockGoesWithItsHolder) {
  const base::TempDir folder(base::temp_root(), "files_test");
  std::array<int, 2> held{};
  ASSERT_EQ(::pipe(held.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = base::FileLock::acquire(folder.path() / "lock");
    static_cast<void>(::write(held[1], "x", 1));
    ::pause();
  }
  char ready = 0;
  ASSERT_EQ(::read(held[0], &ready, 1), 1);
  EXPECT_FALSE(base::FileLock::try_acquire(folder.path() / "lock").has_value());

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);

  EXPECT_TRUE(base::FileLock::try_acquire(folder.path() / "lock").has_value());
}

TEST(Files, TreesNestedDeeperThanTheUsualLimitOfOpenFilesAreRemoved) {
  const base::TempDir folder(base::temp_root(), "files_test");
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 1024;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    base::allow_many_open_files();
    int at = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 1500; ++i) {
      if (::mkdirat(at, "d", 0700) != 0) ::_exit(2);
      const int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
      ::close(at);
      at = next;
    }
    base::remove_tree(folder.path() / "d");
    ::_exit(std::filesystem::exists(folder.path() / "d") ? 1 : 0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
}

TEST(Files, ALockIsHeldOnce) {
  const base::TempDir folder(base::temp_root(), "files_test");
  const auto first = base::FileLock::acquire(folder.path() / "lock");

  EXPECT_FALSE(base::FileLock::try_acquire(folder.path() / "lock").has_value());
}
