// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/output_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"

namespace orchestrator {
namespace {

class OutputLockTest : public testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  base::TempDir folder_{std::filesystem::temp_directory_path(), "output-lock"};
};

TEST_F(OutputLockTest, LeavesNothing) {
  {
    const OutputLock lock(folder(), "demo", [] { FAIL(); }, {});
  }

  EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST_F(OutputLockTest, NamesDoNotExcludeEachOther) {
  const OutputLock one(folder(), "one", [] { FAIL(); }, {});
  const OutputLock two(folder(), "two", [] { FAIL(); }, {});
}

TEST_F(OutputLockTest, AFileLeftByAKillMeansNothing) {
  base::write_file_atomically(folder() / ".demo.lock", "");

  const OutputLock lock(folder(), "demo", [] { FAIL(); }, {});
}

TEST_F(OutputLockTest, Case281OneHolderAtATime) {
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  const auto hold = [&] {
    for (int i = 0; i < 20; ++i) {
      const OutputLock lock(folder(), "demo", [] {}, {});
      most = std::max(most.load(), ++inside);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --inside;
    }
  };
  {
    std::jthread one(hold);
    std::jthread two(hold);
    std::jthread three(hold);
  }

  EXPECT_EQ(most, 1);
  EXPECT_TRUE(std::filesystem::is_empty(folder()));
}

TEST_F(OutputLockTest, AStopEndsTheWait) {
  const OutputLock held(folder(), "demo", [] {}, {});
  std::stop_source stop;
  int waits = 0;
  try {
    const OutputLock second(
        folder(), "demo", [&] { ++waits, stop.request_stop(); }, stop.get_token());
    FAIL() << "both have it";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  }
  EXPECT_EQ(waits, 1);
}

}  // namespace
}  // namespace orchestrator
