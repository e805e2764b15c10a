// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/leader_election.hpp"

#include <fmt/format.h>

#include <exception>
#include <random>
#include <thread>

#include "base/http_retry.hpp"

namespace orchestrator::kubernetes {
namespace {

using Clock = std::chrono::steady_clock;

/// False when `stop` came first.
bool pause(std::chrono::milliseconds wait, const std::stop_token& stop) {
  thread_local std::mt19937 random{std::random_device{}()};
  const auto spread = std::uniform_real_distribution(1.0, 1.2)(random);  // client-go's JitterFactor
  try {
    base::sleep_unless_stopped(std::chrono::duration_cast<std::chrono::milliseconds>(wait * spread),
                               stop);
    return true;
  } catch (const base::Error&) {
    return false;
  }
}

}  // namespace

LeaderElection::LeaderElection(Client& client, Options options, std::shared_ptr<spdlog::logger> log)
    : client_(client), options_(std::move(options)), log_(std::move(log)) {}

Object LeaderElection::renewed(const Object& lease, bool taken_over) const {
  auto changed = lease;
  auto& spec = changed["spec"];
  const auto now = micro_timestamp();
  spec["holderIdentity"] = options_.identity;
  spec["leaseDurationSeconds"] = std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::seconds>(options_.duration).count());
  spec["renewTime"] = now;
  if (taken_over) {
    spec["acquireTime"] = now;
    spec["leaseTransitions"] = spec.value("leaseTransitions", 0) + 1;
  }
  return changed;
}

/// The other's clock may be wrong: what counts is how long we have seen no change.
bool LeaderElection::is_free(const Object& lease) {
  if (text_at(lease, "/spec/holderIdentity").empty()) return true;
  const auto version = version_of(lease);
  if (version != observed_) {
    observed_ = version;
    observed_at_ = Clock::now();
  }
  return Clock::now() - observed_at_ > options_.duration;
}

bool LeaderElection::try_hold() {
  try {
    if (held_) {
      held_ = client_.replace(kLeases, renewed(*held_, false));
      return true;
    }
    const auto lease = client_.find(kLeases, options_.lease);
    if (!lease) {
      const Object fresh = {
          {"apiVersion", kLeases.api_version()},
          {"kind", kLeases.kind},
          {"metadata", {{"name", options_.lease.name}, {"namespace", options_.lease.space}}},
          {"spec", Object::object()}};
      held_ = client_.create(kLeases, renewed(fresh, true));
      return true;
    }
    const bool ours = text_at(*lease, "/spec/holderIdentity") == options_.identity;
    taken_ = !ours && !is_free(*lease);
    if (taken_) return false;
    held_ = client_.replace(kLeases, renewed(*lease, !ours));
    return true;
  } catch (const ApiError& error) {
    if (error.is_conflict() || error.already_exists()) held_.reset();  // Look again, next time.
    log_->warn("{}: {}", error.facts().what, error.facts().why);
  } catch (const base::Error& error) {
    log_->warn("{}: {}", error.facts().what, error.facts().why);
  }
  return false;
}

bool LeaderElection::wait_for_lease(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (try_hold()) return true;
    if (!pause(options_.retry_period, stop)) return false;
  }
  return false;
}

bool LeaderElection::keep(const std::stop_token& ended) {
  auto renewed_at = Clock::now();
  while (pause(options_.retry_period, ended)) {
    if (try_hold()) {
      renewed_at = Clock::now();
    } else if (taken_ || Clock::now() - renewed_at > options_.renew_deadline) {
      return false;
    }
  }
  return true;
}

void LeaderElection::give_back() noexcept {
  try {
    auto lease = *held_;
    lease["spec"]["holderIdentity"] = "";
    lease["spec"]["leaseDurationSeconds"] = 1;
    client_.replace(kLeases, lease);
    held_.reset();
  } catch (const std::exception& error) {
    log_->warn("the lease {} was not given back: {}", options_.lease.text(), error.what());
  }
}

void LeaderElection::run(const std::function<void(std::stop_token)>& lead,
                         const std::stop_token& stop) {
  log_->info("waiting for the lease {} as {}", options_.lease.text(), options_.identity);
  if (!wait_for_lease(stop)) return;
  log_->info("leading: holds the lease {}", options_.lease.text());
  leading_ = true;
  std::stop_source ended;      // Of the renewal: `lead` has returned.
  std::stop_source must_stop;  // Of `lead`.
  const std::stop_callback pass_on(stop, [&must_stop] { must_stop.request_stop(); });
  std::exception_ptr thrown;
  bool kept = true;
  {
    const std::jthread leader([&] {
      try {
        lead(must_stop.get_token());
      } catch (...) {
        thrown = std::current_exception();
      }
      ended.request_stop();
    });
    kept = keep(ended.get_token());
    if (!kept) must_stop.request_stop();
  }
  leading_ = false;
  if (kept) give_back();
  if (thrown) std::rethrow_exception(thrown);
  if (kept) return;
  throw base::Error({.code = base::ErrorCode::kNetwork,
                     .what = fmt::format("lost the lease {}", options_.lease.text()),
                     .why = "it could not be renewed in time",
                     .hint = "another replica takes over; this one must start again"});
}

}  // namespace orchestrator::kubernetes
