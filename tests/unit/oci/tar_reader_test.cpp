// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/text_source.hpp"

namespace {

using tests::TextSource;
using tests::zoo_entry;
using tests::zoo_header;
using tests::zoo_pax;
using tests::zoo_tar;
using tests::ZooEntry;

struct Read {
  oci::TarEntry entry;
  std::string content;
};

std::vector<Read> read_all(const std::string& tar, std::size_t step = SIZE_MAX) {
  TextSource source(tar, step);
  oci::TarReader reader(source, "layer 1");
  std::vector<Read> all;
  while (auto entry = reader.next()) {
    Read read{.entry = std::move(*entry), .content = {}};
    while (const auto block = reader.next_block()) {
      read.content.resize(block->offset);
      read.content.append(reinterpret_cast<const char*>(block->data.data()), block->data.size());
    }
    read.content.resize(std::max<std::size_t>(read.content.size(), read.entry.bytes));
    all.push_back(std::move(read));
  }
  return all;
}

std::string reason_of(const std::string& tar) {
  try {
    read_all(tar);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    return error.facts().why;
  }
  return "nothing was thrown";
}

}  // namespace

TEST(TarReader, GivesWhatTheHeaderSays) {
  const auto all =
      read_all(zoo_tar({{.name = "dir/file",
                         .content = "hello",
                         .mode = 04755,
                         .uid = 12,
                         .gid = 34,
                         .mtime = 99,
                         .pax = {{"mtime", "99.123456789"},
                                 {"uid", "3000000"},
                                 {"SCHILY.xattr.user.a", std::string("\0b", 2)},
                                 {"LIBARCHIVE.xattr.user.c", "AAE"}}},
                        {.name = "dev", .type = '4', .device_major = 8, .device_minor = 1}}));

  ASSERT_EQ(all.size(), 2U);
  const auto& entry = all[0].entry;
  EXPECT_EQ(entry.path, "dir/file");
  EXPECT_EQ(all[0].content, "hello");
  EXPECT_EQ(entry.mode, 04755U);
  EXPECT_EQ(entry.uid, 3000000);
  EXPECT_EQ(entry.gid, 34);
  EXPECT_EQ(entry.mtime_seconds, 99);
  EXPECT_EQ(entry.mtime_nanoseconds, 123456789U);
  EXPECT_THAT(entry.xattrs,
              testing::UnorderedElementsAre(testing::Pair("user.a", std::string("\0b", 2)),
                                            testing::Pair("user.c", std::string("\0\1", 2))));
  EXPECT_EQ(all[1].entry.type, oci::EntryType::kBlockDevice);
  EXPECT_EQ(all[1].entry.device_major, 8U);
  EXPECT_EQ(all[1].entry.device_minor, 1U);
}

TEST(TarReader, NamesStayTheBytesTheyAre) {
  const std::string decomposed = "nfd-e\xcc\x81";
  const std::string composed = "nfc-\xc3\xa9";
  const std::string not_utf8 = "raw-\xff\xfe";
  const std::string with_newline = "line\nline\\C:";
  for (const auto& name : {decomposed, composed, not_utf8, with_newline, std::string(300, 'x')}) {
    const auto in_header = read_all(zoo_tar({{.name = name}}));
    const auto in_pax = read_all(zoo_tar({{.name = "x", .pax = {{"path", name}}}}));
    const auto link =
        read_all(zoo_tar({{.name = "x", .type = '2', .link = "cut", .pax = {{"linkpath", name}}}}));
    EXPECT_EQ(in_header.at(0).entry.path, name);
    EXPECT_EQ(in_pax.at(0).entry.path, name);
    EXPECT_EQ(link.at(0).entry.link_target, name);
  }
}

TEST(TarReader, AnUnknownTypeIsAnErrorWhereverItStands) {
  EXPECT_THAT(reason_of(zoo_tar({{.name = "q", .type = 'Q'}})), testing::HasSubstr("unknown type"));
  for (std::size_t before : {510, 511, 512, 1022, 1023}) {  // Around the border of the buffer.
    const auto tar = zoo_tar({{.name = "f", .content = std::string((before - 1) * 512, 'x')},
                              {.name = "q", .type = 'Q', .pax = {{"mtime", "1"}}}});
    EXPECT_THAT(reason_of(tar), testing::HasSubstr("unknown type")) << before;
  }
}

TEST(TarReader, ASymlinkToNothingIsAnError) {
  EXPECT_THAT(reason_of(zoo_tar({{.name = "l", .type = '2'}})), testing::HasSubstr("no target"));
}

TEST(TarReader, GlobalHeadersDoNotLeakIntoFiles) {
  const auto all = read_all(zoo_pax({{"comment", "x"}, {"path", "evil"}}, 'g') +
                            zoo_tar({{.name = "one"}, {.name = "two"}}));

  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].entry.path, "one");
  EXPECT_EQ(all[1].entry.path, "two");
}

TEST(TarReader, RefusesHeadersThatClaimTooMuch) {
  for (const char type : {'x', 'L', 'K'}) {
    const ZooEntry entry{.name = "big", .type = type, .claimed_size = (1ULL << 33) - 1};
    EXPECT_NE(reason_of(zoo_header(entry) + std::string(4096, 'x')), "nothing was thrown") << type;
  }
}

TEST(TarReader, RefusesAMalformedPaxRecord) {
  const ZooEntry pax{.name = "pax", .type = 'x', .content = "99 mtime=1\n"};

  EXPECT_NE(reason_of(zoo_entry(pax) + zoo_tar({{.name = "file"}})), "nothing was thrown");
}

TEST(TarReader, ReadsSparseFilesWithTheirHoles) {
  // GNU sparse 1.0: the map stands before the data. One piece of 5 bytes at 100000 of 200000.
  std::string map = "1\n100000\n5\n";
  map.resize(512);
  const auto all = read_all(zoo_tar({{.name = "GNUSparseFile.0/s",
                                      .content = map + "hello",
                                      .pax = {{"GNU.sparse.major", "1"},
                                              {"GNU.sparse.minor", "0"},
                                              {"GNU.sparse.name", "sparse"},
                                              {"GNU.sparse.realsize", "200000"}}}}));

  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].entry.path, "sparse");
  EXPECT_EQ(all[0].entry.bytes, 200000U);
  EXPECT_EQ(all[0].content.substr(100000, 5), "hello");
  EXPECT_EQ(all[0].content.size(), 200000U);
}

TEST(TarReader, MissingEndBlocksAreForgivenACutEntryIsNot) {
  const auto tar = zoo_entry({.name = "f", .content = std::string(2000, 'x')});

  EXPECT_EQ(read_all(tar).size(), 1U);
  EXPECT_NE(reason_of(tar.substr(0, 1500)), "nothing was thrown");
  EXPECT_NE(reason_of(tar + zoo_header({.name = "g"}).substr(0, 300)), "nothing was thrown");
}

TEST(TarReader, NothingAtAllAndZeroBlocksAreAnEmptyLayer) {
  EXPECT_TRUE(read_all("").empty());
  EXPECT_TRUE(read_all(std::string(1024, '\0')).empty());
}

TEST(TarReader, RefusesWhatIsNotATar) {
  EXPECT_NE(reason_of(std::string(5000, 'x')), "nothing was thrown");
  EXPECT_NE(reason_of("BZh91AY&SY" + std::string(5000, 'x')), "nothing was thrown");
  EXPECT_NE(reason_of("PK\3\4" + std::string(5000, 'x')), "nothing was thrown");
}

TEST(TarReader, ReadsTheSameInSmallPieces) {
  const auto tar = zoo_tar({{.name = "a", .content = std::string(300000, 'a')}, {.name = "b"}});

  EXPECT_EQ(read_all(tar, 1000).at(0).content, std::string(300000, 'a'));
}

TEST(TarReader, PassesOnWhatTheSourceThrows) {
  class Broken final : public oci::ByteSource {
   public:
    std::size_t read(std::span<std::byte> /*buffer*/) override {
      throw base::Error({.code = base::ErrorCode::kNetwork, .what = "gone", .why = "", .hint = ""});
    }
  } source;
  oci::TarReader reader(source, "layer 1");

  try {
    reader.next();
    FAIL() << "nothing was thrown";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNetwork);
  }
}
