// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace orchestrator::kubernetes {

/// How long to wait before the next try: twice as long each time, plus or minus a quarter so that
/// many do not come back together. Not thread-safe.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds first, std::chrono::milliseconds longest)
      : first_(first), longest_(longest), next_(first) {}

  std::chrono::milliseconds next() {
    const auto base = next_;
    next_ = std::min(next_ * 2, longest_);
    std::uniform_int_distribution<std::chrono::milliseconds::rep> spread(-base.count() / 4,
                                                                         base.count() / 4);
    return base + std::chrono::milliseconds(spread(random_));
  }
  void reset() { next_ = first_; }

 private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace orchestrator::kubernetes
