// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/work_queue.hpp"

#include <gtest/gtest.h>

#include <thread>

using namespace std::chrono_literals;
using orchestrator::kubernetes::ObjectName;
using orchestrator::kubernetes::WorkQueue;

namespace {

const ObjectName kFirst{"default", "first"};
const ObjectName kSecond{"default", "second"};

}  // namespace

TEST(WorkQueue, ANameWaitsOnceHoweverOftenItIsAdded) {
  WorkQueue queue;
  queue.add(kFirst);
  queue.add(kSecond);
  queue.add(kFirst);

  EXPECT_EQ(queue.size(), 2U);
  EXPECT_EQ(queue.take({}), kFirst);
  EXPECT_EQ(queue.take({}), kSecond);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(WorkQueue, WhatIsAddedAtWorkComesAgainWhenItIsDone) {
  WorkQueue queue;
  queue.add(kFirst);
  queue.take({});
  queue.add(kFirst);
  queue.add(kFirst);

  EXPECT_EQ(queue.size(), 0U) << "two workers would have the same object";
  queue.done(kFirst);
  EXPECT_EQ(queue.take({}), kFirst);
  queue.done(kFirst);
  EXPECT_EQ(queue.size(), 0U);
}

TEST(WorkQueue, ADelayedNameComesInTimeAndTheEarliestTimeCounts) {
  WorkQueue queue;
  const auto began = WorkQueue::Clock::now();
  queue.add_after(kFirst, 10min);
  queue.add_after(kFirst, 30ms);
  queue.add_after(kFirst, 20min);

  EXPECT_EQ(queue.take({}), kFirst);
  EXPECT_GE(WorkQueue::Clock::now() - began, 30ms);
}

TEST(WorkQueue, FailuresComeLaterEachTimeUntilForgotten) {
  WorkQueue queue({.first_wait = 20ms, .longest_wait = 10min});
  const auto wait = [&queue] {
    const auto began = WorkQueue::Clock::now();
    queue.add_failed(kFirst);
    queue.take({});
    queue.done(kFirst);
    return WorkQueue::Clock::now() - began;
  };
  EXPECT_GE(wait(), 15ms);
  EXPECT_GE(wait(), 30ms);
  EXPECT_GE(wait(), 60ms);
  queue.forget(kFirst);
  queue.add_failed(kSecond);  // Nobody's failures count for another.
  EXPECT_EQ(queue.take({}), kSecond);
}

TEST(WorkQueue, StopEndsTheWait) {
  WorkQueue queue;
  std::stop_source stop;
  const std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  EXPECT_EQ(queue.take(stop.get_token()), std::nullopt);
}

TEST(WorkQueue, AnEarlierTimeWakesAWorkerThatWaitsForALaterOne) {
  WorkQueue queue;
  queue.add_after(kFirst, 10min);
  const std::jthread later([&] {
    std::this_thread::sleep_for(20ms);
    queue.add_after(kSecond, 1ms);
  });
  EXPECT_EQ(queue.take({}), kSecond);
}
