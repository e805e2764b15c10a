// SPDX-License-Identifier: Apache-2.0
#include "base/http_retry.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <random>
#include <string>

namespace base {
namespace {

using std::chrono::milliseconds;

constexpr std::array<int, 8> kTransient = {408, 429, 499, 500, 502, 503, 504, 522};

milliseconds with_jitter(milliseconds wait) {
  thread_local std::minstd_rand random{std::random_device{}()};
  const auto quarter = wait.count() / 4;
  return wait +
         milliseconds(std::uniform_int_distribution<milliseconds::rep>(-quarter, quarter)(random));
}

milliseconds backoff(const RetryPolicy& policy, int tries_done) {
  const std::int64_t factor = std::int64_t{1} << std::clamp(tries_done - 1, 0, 16);
  return with_jitter(std::min(policy.first_wait * factor, policy.longest_wait));
}

bool is_connect_failure(TransportFailure::Kind kind) {
  return kind == TransportFailure::Kind::kResolve || kind == TransportFailure::Kind::kRefused;
}

int tries_allowed(const RetryPolicy& policy, const TransportFailure& failure, bool reached_before) {
  switch (failure.kind) {
    case TransportFailure::Kind::kUntrusted:
    case TransportFailure::Kind::kNotTls:
    case TransportFailure::Kind::kProxy:
      return 1;
    case TransportFailure::Kind::kTimeout:
      return reached_before ? policy.tries : 1;
    case TransportFailure::Kind::kResolve:
    case TransportFailure::Kind::kRefused:
      return reached_before ? policy.tries : policy.unreachable_tries;
    case TransportFailure::Kind::kStalled:
    case TransportFailure::Kind::kBroken:
    case TransportFailure::Kind::kHttp2Broken:
      return policy.tries;
  }
  return 1;
}

}  // namespace

bool is_transient(int status) {
  return std::find(kTransient.begin(), kTransient.end(), status) != kTransient.end();
}

std::optional<milliseconds> parse_retry_after(std::string_view value,
                                              std::chrono::system_clock::time_point now) {
  constexpr std::int64_t kDay = 86400;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (end == value.data() + value.size() && !value.empty()) {
    const bool huge = error == std::errc::result_out_of_range;
    return milliseconds(1000 * (huge ? kDay : std::clamp<std::int64_t>(seconds, 0, kDay)));
  }
  tm date{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const auto then = std::chrono::system_clock::from_time_t(::timegm(&date));
  return std::max(std::chrono::duration_cast<milliseconds>(then - now), milliseconds(0));
}

std::optional<milliseconds> wait_before_retry(const RetryPolicy& policy, const HttpOutcome& outcome,
                                              int tries_done, bool reached_before) {
  if (outcome.failure) {
    if (tries_done >= tries_allowed(policy, *outcome.failure, reached_before)) return std::nullopt;
    const bool quick = is_connect_failure(outcome.failure->kind) && !reached_before;
    return quick ? policy.first_wait : backoff(policy, tries_done);
  }
  if (!is_transient(outcome.response.status) || tries_done >= policy.tries) return std::nullopt;
  const auto asked = outcome.response.header("Retry-After");
  const auto wait =
      asked ? parse_retry_after(*asked, std::chrono::system_clock::now()) : std::nullopt;
  if (!wait) return backoff(policy, tries_done);
  return std::min(*wait, policy.longest_wait);
}

void sleep_unless_stopped(milliseconds duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, duration, [] { return false; });
  if (!stop.stop_requested()) return;
  throw Error({.code = ErrorCode::kInterrupted,
               .what = "interrupted while waiting to try again",
               .why = "",
               .hint = ""});
}

HttpResponse perform_with_retries(HttpClient& client, const HttpRequest& request,
                                  const RetryPolicy& policy, const std::stop_token& stop) {
  for (int tries = 1;; ++tries) {
    const bool reached = client.has_reached(request.url);
    auto outcome = client.try_perform(request, stop);
    const auto wait = wait_before_retry(policy, outcome, tries, reached);
    if (!wait) {
      if (outcome.failure) throw transport_error(request, *outcome.failure);
      return std::move(outcome.response);
    }
    sleep_unless_stopped(*wait, stop);
  }
}

}  // namespace base
