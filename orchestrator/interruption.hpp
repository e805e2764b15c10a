// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "base/handle.hpp"

namespace orchestrator {

/// Turns SIGINT and SIGTERM into a stop request while it lives; a second signal ends the process at
/// once. Made on the main thread before any other thread, which then inherit the blocked mask.
class Interruption {
 public:
  Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
  Interruption(Interruption&&) = delete;
  Interruption& operator=(Interruption&&) = delete;
  ~Interruption();

  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
  /// The signal that came, or 0.
  [[nodiscard]] int signal() const { return signal_; }

 private:
  void wait_for_signals();

  std::stop_source source_;
  std::atomic<int> signal_ = 0;
  base::FileDescriptor signals_;
  base::FileDescriptor ended_;
  std::jthread waiter_;
};

}  // namespace orchestrator
