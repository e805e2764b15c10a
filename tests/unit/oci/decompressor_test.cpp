// SPDX-License-Identifier: Apache-2.0
#include "oci/decompressor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.hpp"
#include "tests/support/packing.hpp"
#include "tests/support/text_source.hpp"

namespace {

using tests::gzip;
using tests::TextSource;
using tests::zstd;

std::string unpack(const std::string& packed, std::size_t step = SIZE_MAX,
                   std::size_t room = 65536) {
  TextSource source(packed, step);
  oci::Decompressor decompressor(source, "layer 1");
  std::string text;
  std::vector<std::byte> buffer(room);
  while (const auto count = decompressor.read(buffer)) {
    text.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
  return text;
}

/// Half of it packs well and half not at all.
std::string sample(std::size_t bytes) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < bytes) {
    text += "the same words again and again ";
    for (int i = 0; i < 31; ++i) text += static_cast<char>(random());
  }
  text.resize(bytes);
  return text;
}

std::string reason_of(const std::string& packed) {
  try {
    unpack(packed);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    return error.facts().why;
  }
  return "nothing was thrown";
}

}  // namespace

TEST(Decompressor, Case160TellsTheThreeKindsByTheirFirstBytes) {
  for (const auto& [packed, kind] :
       {std::pair{std::string("plain"), oci::Compression::kNone},
        std::pair{gzip("x"), oci::Compression::kGzip},
        std::pair{zstd("x"), oci::Compression::kZstd},
        std::pair{std::string("\x50\x2a\x4d\x18\0\0\0\0", 8) + zstd("x"),
                  oci::Compression::kZstd}}) {
    TextSource source(packed);
    EXPECT_EQ(oci::Decompressor(source, "l").compression(), kind);
  }
}

TEST(Decompressor, UnpacksEachKindWhole) {
  const auto text = sample(3'000'000);

  EXPECT_EQ(unpack(text), text);
  EXPECT_EQ(unpack(gzip(text)), text);
  EXPECT_EQ(unpack(zstd(text)), text);
}

TEST(Decompressor, Case158UnpacksAllMembersAndFramesHoweverTheyAreCut) {
  const std::string skippable("\x5f\x2a\x4d\x18\x03\0\0\0abc", 11);
  const auto members = gzip(sample(500)) + gzip("") + gzip("tail") + gzip(sample(70));
  const auto frames = zstd(sample(500)) + skippable + zstd("tail") + zstd(sample(70)) + skippable;
  const auto text = sample(500) + "tail" + sample(70);

  for (std::size_t step : {1, 2, 3, 5, 7, 8, 9, 13, 31, 64, 100}) {
    for (std::size_t room : {1, 3, 8, 100, 4096}) {
      EXPECT_EQ(unpack(members, step, room), text) << step << " " << room;
      EXPECT_EQ(unpack(frames, step, room), text) << step << " " << room;
    }
  }
}

TEST(Decompressor, Case158MembersMayEndAnywhereInTheInputBuffer) {
  // The buffer is 256 KiB: move the border between two members over its end, byte by byte.
  const auto second = gzip("second");
  const auto first = gzip(sample((256U << 10) + 200));
  for (std::size_t cut = 0; cut < 400; ++cut) {
    const auto filler = gzip(std::string(cut, 'x'), /*level=*/0);
    EXPECT_EQ(unpack(filler + first + second).size(), cut + (256U << 10) + 200 + 6) << cut;
  }
}

TEST(Decompressor, Case159ZeroPaddingMayFollowGzipAndNothingElse) {
  EXPECT_EQ(unpack(gzip("x") + std::string(1000, '\0')), "x");

  EXPECT_THAT(reason_of(gzip("x") + "garbage"), testing::HasSubstr("after the end"));
  EXPECT_THAT(reason_of(gzip("x") + std::string("\0\0\0g", 4)),
              testing::HasSubstr("after the end"));
  EXPECT_THAT(reason_of(gzip("x") + "\x1f garbage that is longer than a header"),
              testing::HasSubstr("damaged"));
  EXPECT_THAT(reason_of(zstd("x") + "garbage"), testing::HasSubstr("damaged"));
}

TEST(Decompressor, Case164EveryCutIsSeen) {
  const auto packed_gzip = gzip(sample(300));
  const auto packed_zstd = zstd(sample(300));

  for (std::size_t length = 2; length < packed_gzip.size(); ++length) {
    EXPECT_THAT(reason_of(packed_gzip.substr(0, length)), testing::HasSubstr("cut off")) << length;
  }
  for (std::size_t length = 4; length < packed_zstd.size(); ++length) {
    EXPECT_THAT(reason_of(packed_zstd.substr(0, length)), testing::HasSubstr("cut off")) << length;
  }
  EXPECT_THAT(reason_of(""), testing::HasSubstr("empty"));
}

TEST(Decompressor, EveryFlippedByteOfTheTrailerIsSeen) {
  const auto packed = gzip(sample(300));
  for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
    auto damaged = packed;
    damaged[damaged.size() - from_end] ^= 1;
    EXPECT_THAT(reason_of(damaged), testing::HasSubstr("checksum or length")) << from_end;
  }
}

TEST(Decompressor, Case163RefusesAZstdWindowAbove128MiB) {
  // A frame header alone: magic, descriptor (no single segment, no checksum), window descriptor.
  const std::string header("\x28\xb5\x2f\xfd\x00\x98", 6);  // 2^(10+19): 512 MiB.

  EXPECT_THAT(reason_of(header + std::string(100, '\0')), testing::HasSubstr("memory"));
}
