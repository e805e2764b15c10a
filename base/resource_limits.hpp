// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

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

}  // namespace base
