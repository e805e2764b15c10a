// SPDX-License-Identifier: Apache-2.0
#include "oci/read_ahead.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "base/error.hpp"

namespace {

/// Counts up, `bytes` bytes, 1000 at most at a time; then ends or fails.
class Counter final : public oci::ByteSource {
 public:
  explicit Counter(std::size_t bytes, bool fails = false) : bytes_(bytes), fails_(fails) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const auto count = std::min({bytes_ - given_, buffer.size(), std::size_t{1000}});
    for (std::size_t i = 0; i < count; ++i) buffer[i] = static_cast<std::byte>(given_++);
    if (count == 0 && fails_) {
      throw base::Error(
          {.code = base::ErrorCode::kIntegrity, .what = "broken", .why = "", .hint = ""});
    }
    return count;
  }
  [[nodiscard]] std::size_t given() const { return given_; }

 private:
  std::size_t bytes_;
  bool fails_;
  std::size_t given_ = 0;
};

/// Everything up to the end, read in pieces of 777 bytes.
std::size_t read_all(oci::ByteSource& source) {
  std::size_t total = 0;
  std::vector<std::byte> buffer(777);
  while (const auto count = source.read(buffer)) {
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(buffer[i], static_cast<std::byte>(total + i));
    }
    total += count;
  }
  return total;
}

}  // namespace

TEST(ReadAhead, GivesEveryByteInOrderAndThenTheEndAgainAndAgain) {
  constexpr std::size_t kBytes = 1'000'003;
  Counter counter(kBytes);
  oci::ReadAhead ahead(counter);

  EXPECT_EQ(read_all(ahead), kBytes);
  EXPECT_EQ(read_all(ahead), 0U);
}

TEST(ReadAhead, ThrowsWhatTheSourceThrewAfterTheBytesBeforeIt) {
  Counter counter(50'000, /*fails=*/true);
  oci::ReadAhead ahead(counter);
  std::vector<std::byte> buffer(50'000);

  EXPECT_EQ(oci::read_fully(ahead, buffer), buffer.size());
  EXPECT_THROW(ahead.read(buffer), base::Error);
}

TEST(ReadAhead, Case285HoldsNoMoreThanItsBuffersAndStopsWhileTheyAreFull) {
  Counter counter(1U << 30U);
  oci::ReadAhead ahead(counter);
  std::vector<std::byte> buffer(10);
  EXPECT_EQ(ahead.read(buffer), buffer.size());

  ahead.stop();

  EXPECT_LE(counter.given(), 8U * (256U << 10U));
}

TEST(ReadAhead, TheOnlookerSeesEveryByteInOrderBeforeItIsGiven) {
  constexpr std::size_t kBytes = 3'000'001;
  Counter counter(kBytes);
  std::atomic<std::size_t> seen = 0;
  oci::ReadAhead ahead(counter, [&](std::span<const std::byte> data) {
    for (const auto byte : data) EXPECT_EQ(byte, static_cast<std::byte>(seen++));
  });
  std::vector<std::byte> buffer(777);
  std::size_t given = 0;

  while (const auto count = ahead.read(buffer)) {
    given += count;
    ASSERT_LE(given, seen);
  }

  EXPECT_EQ(given, kBytes);
  EXPECT_EQ(seen, kBytes);
}

TEST(ReadAhead, WithAnOnlookerAFailureComesAfterTheBytesBeforeIt) {
  Counter counter(50'000, /*fails=*/true);
  oci::ReadAhead ahead(counter, [](std::span<const std::byte>) {});
  std::vector<std::byte> buffer(50'000);

  EXPECT_EQ(oci::read_fully(ahead, buffer), buffer.size());
  EXPECT_THROW(ahead.read(buffer), base::Error);
}
