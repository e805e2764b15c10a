// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace base {

/// Called when signal `number` ended the process that does the work. `out_of_memory`: the kernel
/// killed processes of our control group for want of memory meanwhile.
using OnKilled = std::function<void(int number, bool out_of_memory)>;

/// In the first process of a container (PID 1): forks, and returns in the child, which does the
/// work. The parent hands on all signals, reaps what others leave behind, and exits as the child
/// did, with 128 + the signal after `on_killed` when one ended it. In any other process it only
/// returns. Called once, before there are threads. Source: pid_namespaces(7), "The namespace init
/// process".
void work_below_first_process(const OnKilled& on_killed);

}  // namespace base
