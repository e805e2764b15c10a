// SPDX-License-Identifier: Apache-2.0
#include "oci/small_files.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/error.hpp"

namespace {

oci::SmallFile file(int number, std::size_t bytes = 10) {
  oci::SmallFile made;
  made.entry.path = std::to_string(number);
  made.pieces.push_back({.data = std::vector<std::byte>(bytes), .offset = 0});
  return made;
}

}  // namespace

TEST(SmallFiles, FinishesAllInOrder) {
  std::vector<std::string> finished;
  std::vector<std::string> expected;
  oci::SmallFiles files([&](const oci::SmallFile& file) { finished.push_back(file.entry.path); });

  for (int i = 0; i < 1000; ++i) {
    files.add(file(i, i % 10 == 0 ? 300'000 : 10));
    expected.push_back(std::to_string(i));
  }
  files.wait();

  EXPECT_EQ(finished, expected);
}

TEST(SmallFiles, WaitsForTheLastFewToo) {
  int finished = 0;
  oci::SmallFiles files([&](const oci::SmallFile&) { ++finished; });

  for (int round = 1; round <= 3; ++round) {
    files.add(file(round));
    files.wait();
    EXPECT_EQ(finished, round);
  }
}

TEST(SmallFiles, AFailureComesOutOnceAndNothingIsFinishedAfterIt) {
  int finished = 0;
  oci::SmallFiles files([&](const oci::SmallFile& file) {
    ++finished;
    if (file.entry.path == "3") {
      throw base::Error({.code = base::ErrorCode::kNoSpace, .what = "full", .why = "", .hint = ""});
    }
  });

  const auto add_many = [&] {
    for (int i = 0; i < 1000; ++i) files.add(file(i));
    files.wait();
  };

  EXPECT_THROW(add_many(), base::Error);
  EXPECT_EQ(finished, 4);
}

TEST(SmallFiles, GoesAwayWithFilesThatNobodyWaitsFor) {
  oci::SmallFiles files([](const oci::SmallFile&) {});
  for (int i = 0; i < 5; ++i) files.add(file(i));
}
