// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace base {

/// What this process may use of the machine.
struct ResourceLimits {
  unsigned processors = 1;         ///< At least 1; a quota of 1.5 counts as 2.
  std::uint64_t memory_bytes = 0;  ///< Of its control group and those above; 0: no limit.
};

/// The processors of the affinity mask and the limits of our control group (v1 or v2), the least
/// of each. What cannot be read limits nothing. `root` is where /proc and /sys are, for tests.
/// Source: kernel, admin-guide/cgroup-v1 and cgroup-v2.rst; proc(5), /proc/PID/cgroup.
ResourceLimits resource_limits(const std::filesystem::path& root = "/");

/// How many processes of our control group the kernel has killed because its memory was used up; 0
/// where that cannot be read. Source: "oom_kill" of memory.events (v2) and memory.oom_control (v1).
std::uint64_t memory_kills(const std::filesystem::path& root = "/");

/// What to say where that number has grown: the limit, and what to do.
std::string out_of_memory(const std::filesystem::path& root = "/");

}  // namespace base
