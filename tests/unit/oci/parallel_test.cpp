// SPDX-License-Identifier: Apache-2.0
#include "oci/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

TEST(ForEachParallel, DoesEveryIndexOnce) {
  std::atomic<int> sum = 0;

  oci::for_each_parallel(100, 4, {}, [&](std::size_t index, const std::stop_token&) {
    sum += static_cast<int>(index);
  });

  EXPECT_EQ(sum, 4950);
}

TEST(ForEachParallel, Case279TheFirstFailureStopsTheOthersAndIsThrown) {
  std::atomic<int> begun = 0;

  EXPECT_THROW(oci::for_each_parallel(1000, 2, {},
                                      [&](std::size_t index, const std::stop_token& stop) {
                                        ++begun;
                                        if (index == 0) throw std::out_of_range("first");
                                        while (!stop.stop_requested()) std::this_thread::yield();
                                        throw std::runtime_error("only stopped");
                                      }),
               std::out_of_range);

  EXPECT_LE(begun, 2);
}
