// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/work_queue.hpp"

namespace orchestrator::kubernetes {

void WorkQueue::add(const ObjectName& name) {
  const std::scoped_lock lock(mutex_);
  add_locked(name);
}

void WorkQueue::add_locked(const ObjectName& name) {
  delayed_.erase(name);
  if (!waiting_.insert(name).second || at_work_.contains(name)) return;
  ready_.push_back(name);
  changed_.notify_all();
}

void WorkQueue::add_after(const ObjectName& name, std::chrono::milliseconds delay) {
  const std::scoped_lock lock(mutex_);
  if (delay <= std::chrono::milliseconds::zero()) return add_locked(name);
  const auto due = Clock::now() + delay;
  const auto [place, fresh] = delayed_.try_emplace(name, due);
  if (!fresh) place->second = std::min(place->second, due);
  changed_.notify_all();
}

void WorkQueue::add_failed(const ObjectName& name) {
  std::chrono::milliseconds wait;
  {
    const std::scoped_lock lock(mutex_);
    wait =
        failures_.try_emplace(name, limits_.first_wait, limits_.longest_wait).first->second.next();
  }
  add_after(name, wait);
}

void WorkQueue::forget(const ObjectName& name) {
  const std::scoped_lock lock(mutex_);
  failures_.erase(name);
}

void WorkQueue::move_due(Clock::time_point now) {
  for (auto place = delayed_.begin(); place != delayed_.end();) {
    const auto [name, due] = *place++;
    if (due <= now) add_locked(name);
  }
}

std::optional<ObjectName> WorkQueue::take(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    move_due(Clock::now());
    if (!ready_.empty()) {
      auto name = std::move(ready_.front());
      ready_.pop_front();
      waiting_.erase(name);
      at_work_.insert(name);
      return name;
    }
    auto next = Clock::now() + std::chrono::hours(1);
    for (const auto& [name, due] : delayed_) next = std::min(next, due);
    // Woken by anything, the loop looks again at what is due.
    changed_.wait_until(lock, stop, next, [this, next] {
      if (!ready_.empty()) return true;
      for (const auto& [name, due] : delayed_) {
        if (due < next) return true;
      }
      return false;
    });
  }
  return std::nullopt;
}

void WorkQueue::done(const ObjectName& name) {
  const std::scoped_lock lock(mutex_);
  at_work_.erase(name);
  if (!waiting_.contains(name)) return;
  ready_.push_back(name);
  changed_.notify_all();
}

std::size_t WorkQueue::size() const {
  const std::scoped_lock lock(mutex_);
  return ready_.size();
}

}  // namespace orchestrator::kubernetes
