// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "orchestrator/kubernetes/client.hpp"

namespace orchestrator::kubernetes {

/// Lets one of several replicas work: who holds the Lease and renews it in time.
/// Source: client-go, tools/leaderelection, whose Lease it shares the meaning of.
class LeaderElection {
 public:
  struct Options {
    ObjectName lease;
    std::string identity;                              ///< Unique: the pod's name.
    std::chrono::milliseconds duration{15'000};        ///< Unrenewed for so long, it is free.
    std::chrono::milliseconds renew_deadline{10'000};  ///< Ours is given up before that.
    std::chrono::milliseconds retry_period{2'000};
  };
  /// `client` must not stop before us: the Lease is given back at the end.
  LeaderElection(Client& client, Options options, std::shared_ptr<spdlog::logger> log);

  /// Waits for the Lease, then runs `lead` until it returns or `stop` comes, renewing; at the end
  /// the Lease is given back. Throws base::Error kNetwork when the Lease was lost, after `lead` was
  /// stopped and has returned; and what `lead` throws.
  void run(const std::function<void(std::stop_token)>& lead, const std::stop_token& stop);

  [[nodiscard]] bool is_leader() const { return leading_; }

 private:
  bool try_hold();
  Object renewed(const Object& lease, bool taken_over) const;
  bool is_free(const Object& lease);
  bool wait_for_lease(const std::stop_token& stop);
  /// False when it was lost.
  bool keep(const std::stop_token& ended);
  void give_back() noexcept;

  Client& client_;
  Options options_;
  std::shared_ptr<spdlog::logger> log_;
  std::atomic<bool> leading_ = false;
  bool taken_ = false;          ///< By somebody else, when last seen.
  std::optional<Object> held_;  ///< As the server has it, while it is ours.
  std::string observed_;        ///< The version last seen of somebody else's.
  std::chrono::steady_clock::time_point observed_at_;
};

}  // namespace orchestrator::kubernetes
