// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/cpio.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.hpp"

namespace {

using stages::uki::CpioEntry;
using stages::uki::CpioWriter;

class Cpio : public testing::Test {
 protected:
  CpioEntry file(const std::string& path) {
    return {.path = path, .mode = S_IFREG | 0644, .user = 1, .group = 2, .modified = 3, .inode = 7};
  }

  std::string archive;
  CpioWriter writer{[&](std::span<const std::byte> data) {
    archive.append(reinterpret_cast<const char*>(data.data()), data.size());
  }};
};

// The fields are those of buffer-format.rst, in its order.
TEST_F(Cpio, WritesAFileAsTheKernelReadsIt) {
  writer.add(file("a"), "12345");

  EXPECT_EQ(archive, std::string("070701"
                                 "00000007000081a4000000010000000200000001000000030000000500000000"
                                 "0000000000000000000000000000000200000000"
                                 "a\0"
                                 "12345\0\0\0",
                                 110 + 2 + 8));
}

TEST_F(Cpio, AlignsWhatFollowsEveryNameAndContent) {
  for (const std::string name : {"a", "ab", "abc", "abcd"}) writer.add(file(name), name);
  writer.finish();

  std::vector<std::size_t> starts;
  for (auto at = archive.find("070701"); at != std::string::npos;
       at = archive.find("070701", at + 1)) {
    starts.push_back(at);
  }
  ASSERT_EQ(starts.size(), 5U);
  for (const auto start : starts) EXPECT_EQ(start % 4, 0U);
  EXPECT_EQ(archive.size() % 4, 0U);
  EXPECT_EQ(archive.substr(starts.back() + 110, 10), "TRAILER!!!");
}

TEST_F(Cpio, TakesContentsInPieces) {
  writer.begin(file("a"), 4);
  writer.write(std::as_bytes(std::span("ab", 2)));
  writer.write(std::as_bytes(std::span("cd", 2)));
  const auto in_pieces = archive;
  archive.clear();

  writer.add(file("a"), "abcd");

  EXPECT_EQ(archive, in_pieces);
}

TEST_F(Cpio, RefusesAFileOfFourGibibytes) {
  try {
    writer.begin(file("srv/large"), std::uint64_t{1} << 32U);
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_EQ(error.facts().what, "cannot put srv/large into an initrd");
  }
  EXPECT_EQ(archive, "");
}

}  // namespace
