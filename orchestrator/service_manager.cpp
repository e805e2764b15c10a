// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/service_manager.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/format.hpp"
#include "orchestrator/datagram_socket.hpp"

namespace orchestrator {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStatusInterval{1};

/// The watchdog's time when it is meant for this process, else none.
std::optional<std::chrono::microseconds> watchdog_time(const base::Environment& environment) {
  const auto process = base::value_of(environment, "WATCHDOG_PID");
  if (!process.empty() && process != std::to_string(::getpid())) return std::nullopt;
  const auto text = base::value_of(environment, "WATCHDOG_USEC");
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
  return std::chrono::microseconds(value);
}

class ServiceManagerSink final : public EventSink {
 public:
  ServiceManagerSink(std::unique_ptr<EventSink> next, DatagramSocket socket,
                     std::optional<std::chrono::microseconds> watchdog)
      : next_(std::move(next)), socket_(std::move(socket)) {
    if (!watchdog) return;
    pulse_ = std::jthread(
        [this, time = *watchdog / 2](const std::stop_token& ended) { beat(time, ended); });
  }
  ServiceManagerSink(const ServiceManagerSink&) = delete;
  ServiceManagerSink& operator=(const ServiceManagerSink&) = delete;
  ServiceManagerSink(ServiceManagerSink&&) = delete;
  ServiceManagerSink& operator=(ServiceManagerSink&&) = delete;
  ~ServiceManagerSink() override { socket_.send("STOPPING=1"); }

  void take(const Event& event) override {
    next_->take(event);
    const std::lock_guard lock(mutex_);
    if (!ready_ && !event.stage.empty()) {
      socket_.send("READY=1");
      ready_ = true;
    }
    if (event.kind == EventKind::kWarning || event.kind == EventKind::kPlanned) return;
    const bool progress = event.kind == EventKind::kProgress;
    if (progress && Clock::now() - told_ < kStatusInterval) return;
    told_ = Clock::now();
    socket_.send("STATUS=" + status_of(event));
  }

 private:
  static std::string status_of(const Event& event) {
    std::string text = event.artifact;
    for (const auto& word : {event.stage, base::printable(event.text)}) {
      if (!word.empty()) text += (text.empty() ? "" : " ") + word;
    }
    if (event.kind == EventKind::kProgress && event.total != 0) {
      text +=
          fmt::format(" {} of {}", base::format_bytes(event.done), base::format_bytes(event.total));
    }
    if (event.kind == EventKind::kFailed) text += " failed";
    std::replace(text.begin(), text.end(), '\n', ' ');  // Each line would be an assignment.
    return text;
  }

  /// Goes through the lock that events take: a build that hangs in it is not alive.
  void beat(std::chrono::microseconds time, const std::stop_token& ended) {
    std::unique_lock lock(mutex_);
    while (!ended.stop_requested()) {
      socket_.send("WATCHDOG=1");
      wake_.wait_for(lock, ended, time, [] { return false; });
    }
  }

  std::unique_ptr<EventSink> next_;
  DatagramSocket socket_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool ready_ = false;
  Clock::time_point told_;
  std::jthread pulse_;  // Last: it ends before what it uses.
};

}  // namespace

std::unique_ptr<EventSink> tell_service_manager(std::unique_ptr<EventSink> next,
                                                const base::Environment& environment) {
  const auto address = base::value_of(environment, "NOTIFY_SOCKET");
  auto socket = address.empty() ? std::nullopt : DatagramSocket::connect(address);
  if (!socket) return next;
  return std::make_unique<ServiceManagerSink>(std::move(next), std::move(*socket),
                                              watchdog_time(environment));
}

}  // namespace orchestrator
