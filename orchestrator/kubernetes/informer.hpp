// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/kubernetes/backoff.hpp"
#include "orchestrator/kubernetes/client.hpp"

namespace orchestrator::kubernetes {

/// Keeps a copy of the objects of one kind: lists them once, then watches. A watch that ends goes
/// on from the last version told; one that is too old (410) lists again and tells the difference; a
/// server that is away is asked again, later each time. Thread-safe.
class Informer {
 public:
  using Shared = std::shared_ptr<const Object>;
  struct Options {
    Selection selection;
    /// Takes away from an object, before it is kept, what nobody reads (managedFields always goes).
    std::function<void(Object&)> trim{};
    /// What find_by() looks for: "" is nothing.
    std::function<std::string(const Object&)> index{};
    std::chrono::milliseconds first_wait{500};  ///< After a failure.
    std::chrono::milliseconds longest_wait{30'000};
  };
  /// Told of every difference, on the informer's thread, once find() has it: nullptr before for a
  /// new object, nullptr after for one that is gone. Must not throw.
  using Handler = std::function<void(const Shared& before, const Shared& after)>;

  Informer(Client& client, ResourceKind kind, Options options, std::shared_ptr<spdlog::logger> log);
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;
  Informer(Informer&&) = delete;
  Informer& operator=(Informer&&) = delete;

  /// Only before start().
  void add_handler(Handler handler) { handlers_.push_back(std::move(handler)); }
  void start();
  /// Ends the watch and waits for the thread.
  void stop();

  [[nodiscard]] const ResourceKind& kind() const { return kind_; }
  /// Whether the first list has come and its objects were told.
  [[nodiscard]] bool is_synced() const { return synced_; }
  /// False when `stop` came first.
  bool wait_until_synced(const std::stop_token& stop);

  /// nullptr when there is none.
  [[nodiscard]] Shared find(const ObjectName& name) const;
  [[nodiscard]] std::vector<Shared> find_by(const std::string& index) const;
  [[nodiscard]] std::vector<Shared> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  void run(const std::stop_token& stop);
  void list_all();
  void watch_on(const std::stop_token& stop);
  void take(WatchEvent event);
  void put(Object object);
  void drop(const ObjectName& name);
  void tell(const Shared& before, const Shared& after);

  Client& client_;
  ResourceKind kind_;
  Options options_;
  std::shared_ptr<spdlog::logger> log_;
  std::vector<Handler> handlers_;
  std::string version_;  ///< The last one told; empty: list. Only the thread's.
  Backoff backoff_;      ///< Only the thread's.

  mutable std::mutex mutex_;
  std::condition_variable_any synced_changed_;
  std::atomic<bool> synced_ = false;
  std::map<ObjectName, Shared> objects_;
  std::map<std::string, std::set<ObjectName>> by_index_;
  std::jthread thread_;
};

}  // namespace orchestrator::kubernetes
