// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/http.hpp"

namespace base {

/// How often and how fast to try again.
struct RetryPolicy {
  int tries = 5;                              ///< In all, the first included.
  int unreachable_tries = 2;                  ///< For a server that never answered us.
  std::chrono::milliseconds first_wait{500};  ///< Doubles each time, plus or minus a quarter.
  std::chrono::milliseconds longest_wait{60000};
};

/// 408 429 499 500 502 503 504 522: the same request may do better later.
bool is_transient(int status);

/// How long a Retry-After value asks us to wait from `now`: seconds or an HTTP date.
/// nullopt when it is neither. Source: RFC 9110, section 10.2.3.
std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

/// How long to wait before try number `tries_done` + 1; nullopt: give up. Certificates that do not
/// verify are never tried again; a server never reached is tried `unreachable_tries` times, after a
/// time-out not at all.
std::optional<std::chrono::milliseconds> wait_before_retry(const RetryPolicy& policy,
                                                           const HttpOutcome& outcome,
                                                           int tries_done, bool reached_before);

/// Sleeps; throws Error kInterrupted as soon as `stop` is requested.
void sleep_unless_stopped(std::chrono::milliseconds duration, const std::stop_token& stop);

/// client.try_perform(), repeated as `policy` says; for requests that may be repeated. The last
/// answer, or the last failure thrown.
HttpResponse perform_with_retries(HttpClient& client, const HttpRequest& request,
                                  const RetryPolicy& policy, const std::stop_token& stop);

}  // namespace base
