// SPDX-License-Identifier: Apache-2.0
#include "oci/tar_stream.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "base/error.hpp"
#include "tests/support/text_source.hpp"

namespace {

using oci::EntryType;
using oci::TarEntry;

struct Written {
  TarEntry entry;
  std::string content;
};

std::string write_tar(const std::vector<Written>& all) {
  std::string tar;
  oci::TarStream stream([&](std::span<const std::byte> data) {
    tar.append(reinterpret_cast<const char*>(data.data()), data.size());
  });
  for (const auto& [entry, content] : all) {
    stream.add(entry);
    if (!content.empty()) stream.write(std::as_bytes(std::span(content)));
  }
  stream.finish();
  return tar;
}

TarEntry entry_of(EntryType type, std::string path, std::string target = "") {
  TarEntry entry;
  entry.type = type;
  entry.path = std::move(path);
  entry.link_target = std::move(target);
  entry.mode = 0755;
  return entry;
}

TarEntry file_of(std::string path, std::size_t bytes) {
  auto entry = entry_of(EntryType::kFile, std::move(path));
  entry.bytes = bytes;
  return entry;
}

}  // namespace

TEST(TarStream, EveryKindOfEntryIsReadBackAsItWas) {
  auto capable = file_of("bin/ping", 4);
  capable.mode = 04755;
  capable.uid = 3'000'000'000;
  capable.gid = 7;
  capable.mtime_seconds = -5;
  capable.xattrs = {{"security.capability", std::string("\1\0\0\2\0", 5)}, {"user.a", "b"}};
  auto device = entry_of(EntryType::kBlockDevice, "dev/sda");
  device.device_major = 8;
  device.device_minor = 300;
  const std::vector<Written> all = {
      {entry_of(EntryType::kDirectory, "bin/"), ""},
      {capable, "ping"},
      {entry_of(EntryType::kHardlink, "bin/ping6", "bin/ping"), ""},
      {entry_of(EntryType::kSymlink, "lib", "usr/" + std::string(300, 'l')), ""},
      {file_of(std::string(200, 'd') + "/" + std::string(250, 'n'), 0), ""},
      {file_of("na\xc3\xafve-\xff", 1), "x"},
      {device, ""},
      {entry_of(EntryType::kFifo, "run/fifo"), ""}};
  tests::TextSource source(write_tar(all));
  oci::TarReader reader(source, "the test's tar");

  for (const auto& [wanted, content] : all) {
    const auto found = reader.next();
    ASSERT_TRUE(found) << wanted.path;
    EXPECT_EQ(found->type, wanted.type) << wanted.path;
    EXPECT_EQ(found->path, wanted.path);
    EXPECT_EQ(found->link_target, wanted.link_target);
    EXPECT_EQ(found->mode, wanted.mode);
    EXPECT_EQ(found->uid, wanted.uid);
    EXPECT_EQ(found->gid, wanted.gid);
    EXPECT_EQ(found->mtime_seconds, wanted.mtime_seconds);
    EXPECT_EQ(found->device_major, wanted.device_major);
    EXPECT_EQ(found->device_minor, wanted.device_minor);
    auto xattrs = found->xattrs;
    std::sort(xattrs.begin(), xattrs.end());
    EXPECT_EQ(xattrs, wanted.xattrs);
    std::string text;
    while (const auto block = reader.next_block()) {
      text.append(reinterpret_cast<const char*>(block->data.data()), block->data.size());
    }
    EXPECT_EQ(text, content);
  }
  EXPECT_FALSE(reader.next());
}

TEST(TarStream, TheSameEntriesGiveTheSameBytes) {
  const std::vector<Written> all = {{file_of("a", 3), "abc"}};

  EXPECT_EQ(write_tar(all), write_tar(all));
}

TEST(TarStream, AFileOfAnotherSizeThanAnnouncedIsRefused) {
  EXPECT_THROW(write_tar({{file_of("a", 2), "abc"}}), base::Error);
  EXPECT_THROW(write_tar({{file_of("a", 4), "abc"}}), base::Error);
}

TEST(TarStream, WhatTheOutputThrowsComesOut) {
  oci::TarStream stream(
      [](std::span<const std::byte>) { throw std::runtime_error("the disk is full"); });
  const auto write_much = [&] {
    stream.add(file_of("a", 1U << 20));
    stream.write(std::vector<std::byte>(1U << 20));
  };

  EXPECT_THROW(write_much(), std::runtime_error);
}
