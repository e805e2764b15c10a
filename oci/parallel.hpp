// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace oci {

/// Calls `work(index, stop)` for every index below `count`, `parallel` at a time (at least one),
/// and waits for all. The first failure asks the others to stop, begins nothing new, and is thrown:
/// what the others say then is only that they were stopped.
void for_each_parallel(std::size_t count, unsigned parallel, const std::stop_token& stop,
                       const std::function<void(std::size_t, const std::stop_token&)>& work);

}  // namespace oci
