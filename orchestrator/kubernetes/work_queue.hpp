// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>

#include "orchestrator/kubernetes/backoff.hpp"
#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// Names of objects to look at. A name waits there once however often it is added, and is handed to
/// one worker at a time: added while at work, it comes again when that is done. Thread-safe.
class WorkQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::chrono::milliseconds first_wait{200};
    std::chrono::milliseconds longest_wait{120'000};
  };
  WorkQueue() = default;
  explicit WorkQueue(Limits limits) : limits_(limits) {}

  void add(const ObjectName& name);
  /// The earliest time that is asked for counts.
  void add_after(const ObjectName& name, std::chrono::milliseconds delay);
  /// After a failure: later each time, until forget().
  void add_failed(const ObjectName& name);
  void forget(const ObjectName& name);

  /// Waits for a name; nullopt once `stop` is requested. done() must follow.
  std::optional<ObjectName> take(const std::stop_token& stop);
  void done(const ObjectName& name);

  /// Waiting to be taken now, without those that wait for their time.
  [[nodiscard]] std::size_t size() const;

 private:
  void add_locked(const ObjectName& name);
  void move_due(Clock::time_point now);

  Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<ObjectName> ready_;
  std::set<ObjectName> waiting_;  ///< In ready_, or to go there when its work is done.
  std::set<ObjectName> at_work_;
  std::map<ObjectName, Clock::time_point> delayed_;
  std::map<ObjectName, Backoff> failures_;
};

}  // namespace orchestrator::kubernetes
