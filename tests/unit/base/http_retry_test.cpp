// SPDX-License-Identifier: Apache-2.0
#include "base/http_retry.hpp"

#include <gtest/gtest.h>

namespace {

using base::TransportFailure;
using std::chrono::milliseconds;

base::HttpOutcome answer(int status, base::HttpHeaders headers = {}) {
  base::HttpOutcome outcome;
  outcome.response.status = status;
  outcome.response.headers = std::move(headers);
  return outcome;
}

base::HttpOutcome broken(TransportFailure::Kind kind) {
  return {.response = {}, .failure = TransportFailure{.kind = kind, .why = ""}};
}

}  // namespace

TEST(HttpRetry, Case073ReadsRetryAfterAsSecondsOrDate) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // RFC 9110's example date.

  EXPECT_EQ(base::parse_retry_after("7", now), milliseconds(7000));
  EXPECT_EQ(base::parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), milliseconds(10000));
  EXPECT_EQ(base::parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), milliseconds(0));
  EXPECT_EQ(base::parse_retry_after("99999999999999999999", now), milliseconds(86400000));
  EXPECT_FALSE(base::parse_retry_after("soon", now));
  EXPECT_FALSE(base::parse_retry_after("", now));
  EXPECT_FALSE(base::parse_retry_after("7 seconds", now));
}

TEST(HttpRetry, Case075RepeatsOnlyWhatTheTableNames) {
  for (const int status : {408, 429, 499, 500, 502, 503, 504, 522}) {
    EXPECT_TRUE(base::wait_before_retry({}, answer(status), 1, true)) << status;
  }
  for (const int status : {200, 206, 301, 400, 401, 403, 404, 405, 410, 413, 416, 501}) {
    EXPECT_FALSE(base::wait_before_retry({}, answer(status), 1, true)) << status;
  }
}

TEST(HttpRetry, Case073WaitsAsAskedButNoLongerThanAMinute) {
  EXPECT_EQ(base::wait_before_retry({}, answer(429, {{"retry-after", "7"}}), 1, true),
            milliseconds(7000));
  EXPECT_EQ(base::wait_before_retry({}, answer(503, {{"Retry-After", "86400"}}), 1, true),
            milliseconds(60000));
}

TEST(HttpRetry, Case073BacksOffByDoublesAndGivesUpAfterFiveTries) {
  for (int tries = 1; tries < 5; ++tries) {
    const auto wait = base::wait_before_retry({}, answer(500), tries, true);
    const auto middle = milliseconds(500) * (1 << (tries - 1));
    ASSERT_TRUE(wait);
    EXPECT_GE(*wait, middle * 3 / 4);
    EXPECT_LE(*wait, middle * 5 / 4);
  }
  EXPECT_FALSE(base::wait_before_retry({}, answer(500), 5, true));
}

TEST(HttpRetry, HostsThatNeverAnsweredGetFewTries) {
  using Kind = TransportFailure::Kind;
  EXPECT_TRUE(base::wait_before_retry({}, broken(Kind::kRefused), 1, false));
  EXPECT_FALSE(base::wait_before_retry({}, broken(Kind::kRefused), 2, false));
  EXPECT_TRUE(base::wait_before_retry({}, broken(Kind::kRefused), 4, true));
  EXPECT_FALSE(base::wait_before_retry({}, broken(Kind::kTimeout), 1, false));
  EXPECT_FALSE(base::wait_before_retry({}, broken(Kind::kUntrusted), 1, true));
  EXPECT_TRUE(base::wait_before_retry({}, broken(Kind::kBroken), 1, false));
}

TEST(HttpRetry, AStopEndsTheWait) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(base::sleep_unless_stopped(milliseconds(60000), stop.get_token()), base::Error);
  EXPECT_NO_THROW(base::sleep_unless_stopped(milliseconds(1), {}));
}
