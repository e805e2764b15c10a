// SPDX-License-Identifier: Apache-2.0
#include "stages/supply_chain/rpm_header.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace stages::supply_chain {
namespace {

std::string big_endian_bytes(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift);
  return bytes;
}

struct Entry {
  std::uint32_t tag;
  std::uint32_t type;
  std::uint32_t offset;
  std::uint32_t count;
};

std::string header_of(const std::vector<Entry>& entries, std::string_view store) {
  auto header = big_endian_bytes(static_cast<std::uint32_t>(entries.size())) +
                big_endian_bytes(static_cast<std::uint32_t>(store.size()));
  for (const auto& entry : entries) {
    for (const auto value : {entry.tag, entry.type, entry.offset, entry.count}) {
      header += big_endian_bytes(value);
    }
  }
  return header.append(store);
}

/// 16 bytes: "demo" at 0, "1.0" at 5, "3" at 9, 0 at 11, the number 2 at 12.
constexpr std::string_view kStore("demo\0001.0\0003\0\0\0\0\0\2", 16);
const std::vector<Entry> kPlain = {{1000, 6, 0, 1}, {1001, 6, 5, 1}, {1002, 6, 9, 1}};

std::vector<Entry> plain_and(Entry entry) {
  auto entries = kPlain;
  entries.push_back(entry);
  return entries;
}

std::string refusal_of(std::string_view header) {
  try {
    package_of_rpm_header(header);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    return error.facts().what;
  }
  return "none";
}

TEST(RpmHeader, SaysNameVersionAndEpoch) {
  const auto plain = package_of_rpm_header(header_of(kPlain, kStore));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "demo");
  EXPECT_EQ(plain->version, "1.0-3");

  const auto epoch = package_of_rpm_header(header_of(plain_and({1003, 4, 12, 1}), kStore));
  ASSERT_TRUE(epoch);
  EXPECT_EQ(epoch->version, "2:1.0-3");
}

TEST(RpmHeader, AnEntryThatWasAddedLaterReplacesTheFirst) {
  const auto package = package_of_rpm_header(header_of(plain_and({1002, 6, 5, 1}), kStore));

  EXPECT_EQ(package.value().version, "1.0-1.0");
}

TEST(RpmHeader, AnythingLeftOutOrLeftOverIsRefused) {
  const auto header = header_of(kPlain, kStore);

  for (std::size_t size = 0; size < header.size(); ++size) {
    EXPECT_NE(refusal_of(std::string_view(header).substr(0, size)), "none") << size;
  }
  EXPECT_NE(refusal_of(header + '\0'), "none");
}

TEST(RpmHeader, CountsThatAreTooLargeAreRefused) {
  for (const auto& [entries, bytes] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {0xffffffff, 16},  // The size of the index wraps round in 32 bits.
           {0x10000003, 16},  // So that it would be right in these.
           {3, 0xffffffff},
           {0x10000, 0},
           {0x80000000, 0x80000000}}) {
    auto header = header_of(kPlain, kStore);
    header.replace(0, 8, big_endian_bytes(entries) + big_endian_bytes(bytes));
    EXPECT_EQ(refusal_of(header), "a header has another size than it says");
  }
}

TEST(RpmHeader, EntriesThatLieOutsideAreRefused) {
  for (const std::uint32_t offset :
       {16U, 17U, 0x7fffffffU, 0x80000000U, 0xfffffff0U, 0xffffffffU}) {
    EXPECT_EQ(refusal_of(header_of(plain_and({1014, 6, offset, 1}), kStore)),
              "tag 1014 of a header lies outside");
  }
  for (const std::uint32_t offset : {13U, 15U}) {
    EXPECT_EQ(refusal_of(header_of(plain_and({1003, 4, offset, 1}), kStore)),
              "tag 1003 of a header has no end");
    EXPECT_EQ(refusal_of(header_of(plain_and({1011, 6, 15, 1}), kStore)),
              "tag 1011 of a header has no end");
  }
}

TEST(RpmHeader, OtherTypesAndCountsAreRefused) {
  for (const Entry entry : {Entry{1003, 6, 12, 1}, Entry{1003, 4, 12, 0}, Entry{1003, 4, 12, 2}}) {
    EXPECT_EQ(refusal_of(header_of(plain_and(entry), kStore)),
              "tag 1003 of a header has another type");
  }
  for (const Entry entry : {Entry{1000, 4, 0, 1}, Entry{1000, 6, 0, 0xffffffff},
                            Entry{1000, 0xffffffff, 0, 1}, Entry{1000, 8, 0, 1}}) {
    EXPECT_EQ(refusal_of(header_of(plain_and(entry), kStore)),
              "tag 1000 of a header has another type");
  }
}

TEST(RpmHeader, ATextThatIsTooLongIsRefused) {
  const auto store = std::string(kStore) + std::string(70'000, 'x') + '\0';

  EXPECT_EQ(refusal_of(header_of(plain_and({1014, 6, 16, 1}), store)),
            "tag 1014 of a header has no end");
}

TEST(RpmHeader, APackageWithoutNameVersionOrReleaseIsRefused) {
  for (std::size_t missing = 0; missing < kPlain.size(); ++missing) {
    auto entries = kPlain;
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_EQ(refusal_of(header_of(entries, kStore)), "a header has no name, version or release");
  }
  EXPECT_EQ(refusal_of(header_of({}, "")), "a header has no name, version or release");
}

}  // namespace
}  // namespace stages::supply_chain
