// SPDX-License-Identifier: Apache-2.0
#include "oci/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace oci {

void for_each_parallel(std::size_t count, unsigned parallel, const std::stop_token& stop,
                       const std::function<void(std::size_t, const std::stop_token&)>& work) {
  std::stop_source source;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto loop = [&] {
    while (!source.stop_requested()) {
      const auto index = next++;
      if (index >= count) return;
      try {
        work(index, source.get_token());
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        source.request_stop();
      }
    }
  };
  {
    const std::stop_callback forward(stop, [&] { source.request_stop(); });
    std::vector<std::jthread> threads;
    const auto workers = std::min<std::size_t>(std::max(parallel, 1U), count);
    for (std::size_t i = 0; i < workers; ++i) threads.emplace_back(loop);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace oci
