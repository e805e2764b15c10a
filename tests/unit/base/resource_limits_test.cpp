// SPDX-License-Identifier: Apache-2.0
#include "base/resource_limits.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string_view>

#include "base/temp_dir.hpp"

namespace {

class ResourceLimits : public testing::Test {
 protected:
  void write(const char* path, std::string_view text) {
    std::filesystem::create_directories((root_.path() / path).parent_path());
    std::ofstream(root_.path() / path) << text;
  }
  [[nodiscard]] base::ResourceLimits read() const { return base::resource_limits(root_.path()); }

  base::TempDir root_{base::temp_root(), "limits"};
};

}  // namespace

TEST_F(ResourceLimits, NothingReadLimitsNothing) {
  const auto limits = read();

  EXPECT_GE(limits.processors, 1U);
  EXPECT_EQ(limits.memory_bytes, 0U);
}

TEST_F(ResourceLimits, Version2TakesTheLeastOfTheGroupAndThoseAbove) {
  write("proc/self/cgroup", "0::/pod/builder\n");
  write("sys/fs/cgroup/pod/builder/memory.max", "max\n");
  write("sys/fs/cgroup/pod/builder/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/pod/memory.max", "536870912\n");
  write("sys/fs/cgroup/pod/cpu.max", "50000 100000\n");

  EXPECT_EQ(read().memory_bytes, 512U << 20);
  EXPECT_EQ(read().processors, 1U);
}

TEST_F(ResourceLimits, Version1TakesItsControllersEachAtItsOwnPath) {
  write("proc/self/cgroup", "4:memory:/a/b\n1:cpu,cpuacct:/c\n3:cpuset:/a\n");
  write("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "67108864\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n");

  EXPECT_EQ(read().memory_bytes, 64U << 20);
  EXPECT_EQ(read().processors, 1U);
}

TEST_F(ResourceLimits, InAContainerTheLimitsStandAtTheMount) {
  write("proc/self/cgroup", "0::/kubepods/not/visible/here\n");
  write("sys/fs/cgroup/memory.max", "1073741824\n");

  EXPECT_EQ(read().memory_bytes, 1024U << 20);
}

TEST_F(ResourceLimits, KillsForMemoryAreThoseOfTheGroupItself) {
  EXPECT_EQ(base::memory_kills(root_.path()), 0U);

  write("proc/self/cgroup", "0::/pod/builder\n");
  write("sys/fs/cgroup/pod/builder/memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 0\n");
  write("sys/fs/cgroup/pod/memory.events", "oom_kill 5\n");
  EXPECT_EQ(base::memory_kills(root_.path()), 2U);

  write("proc/self/cgroup", "4:memory:/not/visible\n0::/\n");
  write("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  EXPECT_EQ(base::memory_kills(root_.path()), 3U);
}
