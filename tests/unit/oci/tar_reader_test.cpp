// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_reader.hpp"

#include <fmt/format.h>
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

/// `header` with the checksum that its bytes have.
std::string with_sum(std::string header) {
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header;
}

std::string with_prefix(std::string header, const std::string& prefix) {
  return with_sum(header.replace(345, prefix.size(), prefix));
}

/// The header of GNU tar's old kind of sparse file "sparse": up to four pieces.
std::string gnu_sparse_header(const std::vector<std::pair<unsigned, unsigned>>& pieces,
                              unsigned size, unsigned stored, bool continued) {
  auto header = zoo_header({.name = "sparse", .type = 'S', .claimed_size = stored});
  header.replace(257, 8, "ustar  \0", 8);
  std::size_t at = 386;
  for (const auto& [offset, bytes] : pieces) {
    header.replace(at, 24, fmt::format("{:011o}{}{:011o}{}", offset, '\0', bytes, '\0'));
    at += 24;
  }
  header[482] = continued ? '\1' : '\0';
  return with_sum(header.replace(483, 12, fmt::format("{:011o}{}", size, '\0')));
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

TEST(TarReader, Case155Case157NamesStayTheBytesTheyAre) {
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

TEST(TarReader, Case150AnUnknownTypeIsAnErrorWhereverItStands) {
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

TEST(TarReader, Case151GlobalHeadersDoNotLeakIntoFiles) {
  const auto all = read_all(zoo_pax({{"comment", "x"}, {"path", "evil"}}, 'g') +
                            zoo_tar({{.name = "one"}, {.name = "two"}}));

  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].entry.path, "one");
  EXPECT_EQ(all[1].entry.path, "two");
}

TEST(TarReader, Case153RefusesHeadersThatClaimTooMuch) {
  for (const char type : {'x', 'L', 'K'}) {
    const ZooEntry entry{.name = "big", .type = type, .claimed_size = (1ULL << 33) - 1};
    EXPECT_NE(reason_of(zoo_header(entry) + std::string(4096, 'x')), "nothing was thrown") << type;
  }
}

TEST(TarReader, Case152RefusesAMalformedPaxRecord) {
  const ZooEntry pax{.name = "pax", .type = 'x', .content = "99 mtime=1\n"};

  EXPECT_NE(reason_of(zoo_entry(pax) + zoo_tar({{.name = "file"}})), "nothing was thrown");
}

TEST(TarReader, Case152ASizeForTheNextFileIsNotThatOfTheHeaderBetween) {
  // TARmageddon: who gives the size of the pax record to the long name would take the contents for
  // headers, and find "smuggled" in them.
  const auto smuggled = zoo_entry({.name = "smuggled"});
  const std::string name(120, 'n');
  const ZooEntry long_name{.name = "././@LongLink", .type = 'L', .content = name + '\0'};
  const auto tar = zoo_pax({{"size", std::to_string(smuggled.size())}}) + zoo_entry(long_name) +
                   zoo_header({.name = "cut", .claimed_size = 0}) + smuggled +
                   zoo_tar({{.name = "after"}});

  const auto all = read_all(tar);

  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].entry.path, name);
  EXPECT_EQ(all[0].content, smuggled);
  EXPECT_EQ(all[1].entry.path, "after");
}

TEST(TarReader, Case153RefusesMapsAndChainsOfHeadersWithoutEnd) {
  std::string map = "999999999\n";
  while (map.size() < (12U << 20)) map += "0\n0\n";
  map.resize(map.size() / 512 * 512);
  const ZooEntry sparse{.name = "s",
                        .content = map,
                        .pax = {{"GNU.sparse.major", "1"},
                                {"GNU.sparse.minor", "0"},
                                {"GNU.sparse.name", "s"},
                                {"GNU.sparse.realsize", "1000"}}};
  EXPECT_NE(reason_of(zoo_tar({sparse})), "nothing was thrown");

  std::string chain = gnu_sparse_header({{0, 1}}, 1000, 1, /*continued=*/true);
  std::string record(512, '\0');
  for (std::size_t at = 0; at < 21 * 24; at += 12) record.replace(at, 12, "00000000000\0", 12);
  record[504] = 1;  // And another follows.
  while (chain.size() < (12U << 20)) chain += record;
  EXPECT_THAT(reason_of(chain), testing::HasSubstr("headers of one entry"));

  std::string headers;
  while (headers.size() < (12U << 20)) headers += zoo_pax({{"comment", std::string(500'000, 'c')}});
  EXPECT_NE(reason_of(headers + zoo_tar({{.name = "f"}})), "nothing was thrown");
}

TEST(TarReader, Case154ReadsEveryKindOfSparseFile) {
  const std::string text = "hello";
  const std::vector<std::string> tars = {
      zoo_tar({{.name = "sparse",
                .content = text,
                .pax = {{"GNU.sparse.size", "200000"},
                        {"GNU.sparse.numblocks", "1"},
                        {"GNU.sparse.offset", "100000"},
                        {"GNU.sparse.numbytes", "5"}}}}),
      zoo_tar({{.name = "cut",
                .content = text,
                .pax = {{"GNU.sparse.name", "sparse"},
                        {"GNU.sparse.size", "200000"},
                        {"GNU.sparse.numblocks", "1"},
                        {"GNU.sparse.map", "100000,5"}}}}),
      gnu_sparse_header({{100000, 5}}, 200000, 5, /*continued=*/false) + text +
          std::string(512 - text.size() + 1024, '\0')};
  for (const auto& tar : tars) {
    const auto all = read_all(tar);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].entry.path, "sparse");
    EXPECT_EQ(all[0].entry.bytes, 200000U);
    EXPECT_EQ(all[0].content.substr(100000, 5), text);
    EXPECT_EQ(all[0].content.substr(0, 100000), std::string(100000, '\0'));
  }
}

TEST(TarReader, Case155APrefixIsOneInUstarAndNoneInGnuHeaders) {
  auto ustar = zoo_header({.name = "file"});
  EXPECT_EQ(read_all(with_prefix(ustar, "some/prefix") + std::string(1024, '\0')).at(0).entry.path,
            "some/prefix/file");
  ustar.replace(257, 8, "ustar  \0", 8);  // GNU: other things stand there.
  EXPECT_EQ(read_all(with_prefix(ustar, "13737373737") + std::string(1024, '\0')).at(0).entry.path,
            "file");
}

TEST(TarReader, Case154ReadsSparseFilesWithTheirHoles) {
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

TEST(TarReader, Case164MissingEndBlocksAreForgivenACutEntryIsNot) {
  const auto tar = zoo_entry({.name = "f", .content = std::string(2000, 'x')});

  EXPECT_EQ(read_all(tar).size(), 1U);
  EXPECT_NE(reason_of(tar.substr(0, 1500)), "nothing was thrown");
  EXPECT_NE(reason_of(tar + zoo_header({.name = "g"}).substr(0, 300)), "nothing was thrown");
}

TEST(TarReader, NothingAtAllAndZeroBlocksAreAnEmptyLayer) {
  EXPECT_TRUE(read_all("").empty());
  EXPECT_TRUE(read_all(std::string(1024, '\0')).empty());
}

TEST(TarReader, Case160RefusesWhatIsNotATar) {
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
