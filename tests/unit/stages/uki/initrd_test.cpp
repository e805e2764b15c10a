// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/initrd.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <map>

#include "base/error.hpp"
#include "oci/decompressor.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::RootTree;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kEpoch = 1700000000;

struct Entry {
  std::string path;
  std::uint32_t inode = 0;
  std::uint32_t mode = 0;
  std::uint32_t user = 0;
  std::uint32_t links = 0;
  std::uint32_t modified = 0;
  std::string content;
};

/// A reader of its own, so that the writer is not held against itself.
std::vector<Entry> read_cpio(std::string_view archive) {
  std::vector<Entry> entries;
  const auto number = [&](std::size_t index) {
    std::uint32_t value = 0;
    const auto* from = archive.data() + 6 + index * 8;
    std::from_chars(from, from + 8, value, 16);
    return value;
  };
  const auto aligned = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  while (archive.starts_with("070701")) {
    Entry entry{.path = {},
                .inode = number(0),
                .mode = number(1),
                .user = number(2),
                .links = number(4),
                .modified = number(5),
                .content = {}};
    const auto bytes = number(6);
    const auto name_bytes = number(11);
    entry.path = archive.substr(110, name_bytes - 1);
    archive.remove_prefix(aligned(110 + name_bytes));
    entry.content = archive.substr(0, bytes);
    archive.remove_prefix(aligned(bytes));
    if (entry.path == "TRAILER!!!") return entries;
    entries.push_back(entry);
  }
  ADD_FAILURE() << "the archive has no end";
  return entries;
}

/// Reads what is in memory.
class Bytes final : public oci::ByteSource {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const auto count = std::min(buffer.size(), bytes_.size());
    std::copy_n(reinterpret_cast<const std::byte*>(bytes_.data()), count, buffer.data());
    bytes_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view bytes_;
};

class Initrd : public testing::Test {
 protected:
  void SetUp() override { tree.file("usr/bin/immucore", "init").folder("usr/local"); }

  std::string compressed(unsigned threads = 1) {
    std::string initrd;
    facts = stages::uki::write_initrd(
        RootTree(tree.path()),
        [&](std::span<const std::byte> data) {
          initrd.append(reinterpret_cast<const char*>(data.data()), data.size());
        },
        {.epoch = kEpoch, .compression_level = 1, .threads = threads}, {}, {});
    return initrd;
  }

  std::vector<Entry> entries() {
    const auto initrd = compressed();
    Bytes source(initrd);
    oci::Decompressor plain(source, "initrd");
    std::string archive;
    std::vector<std::byte> buffer(1U << 16);
    while (const auto count = plain.read(buffer)) {
      archive.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
    return read_cpio(archive);
  }

  std::map<std::string, Entry> by_path() {
    std::map<std::string, Entry> found;
    for (auto& entry : entries()) {
      EXPECT_FALSE(found.contains(entry.path)) << entry.path << " is there twice";
      found[entry.path] = entry;
    }
    return found;
  }

  TempTree tree;
  stages::uki::InitrdFacts facts;
};

TEST_F(Initrd, HoldsTheTreeInByteOrderAndWhatKairosStartsFrom) {
  tree.file("etc/hostname", "box").file("etc/Z", "z");

  std::vector<std::string> paths;
  for (const auto& entry : entries()) paths.push_back(entry.path);

  EXPECT_THAT(paths,
              ElementsAre(".", "etc", "etc/Z", "etc/hostname", "usr", "usr/bin", "usr/bin/immucore",
                          "usr/local", "init", "efi", "oem", "usr/local/cloud-config"));
}

TEST_F(Initrd, StartsImmucore) {
  const auto found = by_path();

  EXPECT_EQ(found.at("init").content, "/usr/bin/immucore");
  EXPECT_EQ(found.at("init").mode, static_cast<std::uint32_t>(S_IFLNK | 0777));
  EXPECT_FALSE(facts.replaced_init);
}

TEST_F(Initrd, ReplacesAnInitOfTheImageAndSaysSo) {
  tree.file("init", "the image's own");

  EXPECT_EQ(by_path().at("init").content, "/usr/bin/immucore");
  EXPECT_TRUE(facts.replaced_init);
}

TEST_F(Initrd, KeepsFoldersThatAreThere) {
  tree.file("efi/kept", "k");
  ::chmod(tree.path("efi").c_str(), 0700);

  const auto found = by_path();

  EXPECT_EQ(found.at("efi").mode, static_cast<std::uint32_t>(S_IFDIR | 0700));
  EXPECT_EQ(found.at("efi/kept").content, "k");
}

TEST_F(Initrd, LeavesBootAndWhatRunningSystemsHoldOut) {
  tree.file("boot/vmlinuz", "kernel").file("proc/1/status").file("tmp/.hidden").file("srv/boot/a");

  const auto found = by_path();

  EXPECT_FALSE(found.contains("boot"));
  EXPECT_FALSE(found.contains("boot/vmlinuz"));
  EXPECT_TRUE(found.contains("proc"));
  EXPECT_FALSE(found.contains("proc/1"));
  EXPECT_FALSE(found.contains("tmp/.hidden"));
  EXPECT_TRUE(found.contains("srv/boot/a"));
}

TEST_F(Initrd, StoresTheContentsOfHardlinksOnce) {
  tree.file("a/first", "shared").file("b", "shared");
  std::filesystem::create_hard_link(tree.path("a/first"), tree.path("a/second"));

  const auto found = by_path();

  EXPECT_EQ(found.at("a/first").content, "shared");
  EXPECT_EQ(found.at("a/second").content, "");
  EXPECT_EQ(found.at("a/first").inode, found.at("a/second").inode);
  EXPECT_NE(found.at("a/first").inode, found.at("b").inode);
  EXPECT_EQ(found.at("a/first").links, 2U);
  EXPECT_EQ(found.at("a/second").links, 2U);
}

TEST_F(Initrd, GivesEveryOtherNameANumberOfItsOwn) {
  tree.file("a").folder("b").link("c", "a");

  std::map<std::uint32_t, int> uses;
  for (const auto& entry : entries()) ++uses[entry.inode];

  for (const auto& [inode, count] : uses) EXPECT_EQ(count, 1) << inode;
}

TEST_F(Initrd, KeepsModesOwnersLinksPipesAndDevices) {
  tree.file("bin/su").link("bin/sh", "../outside/../dash").folder("d");
  ::chmod(tree.path("bin/su").c_str(), 04755);
  ASSERT_EQ(::mkfifo(tree.path("d/pipe").c_str(), 0620), 0);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::lchown(tree.path("bin/sh").c_str(), 12, 34), 0);
  }

  const auto found = by_path();

  EXPECT_EQ(found.at("bin/su").mode, static_cast<std::uint32_t>(S_IFREG | 04755));
  EXPECT_EQ(found.at("bin/sh").content, "../outside/../dash");
  EXPECT_EQ(found.at("d/pipe").mode & S_IFMT, static_cast<std::uint32_t>(S_IFIFO));
  EXPECT_EQ(found.at("bin/sh").user, root ? 12U : ::getuid());
}

TEST_F(Initrd, NeverFollowsALinkOutOfTheTree) {
  tree.link("etc", "/etc").link("loop", ".");

  const auto found = by_path();

  EXPECT_EQ(found.at("etc").content, "/etc");
  EXPECT_FALSE(found.contains("etc/hostname"));
  EXPECT_FALSE(found.contains("loop/usr"));
}

TEST_F(Initrd, IsNoYoungerThanTheEpoch) {
  tree.file("new").file("old");
  const auto set = [&](const char* name, std::int64_t seconds) {
    const timespec times[2] = {{.tv_sec = seconds, .tv_nsec = 5},
                               {.tv_sec = seconds, .tv_nsec = 5}};
    ASSERT_EQ(::utimensat(AT_FDCWD, tree.path(name).c_str(), times, 0), 0);
  };
  set("new", kEpoch + 100);
  set("old", 1000);

  const auto found = by_path();

  EXPECT_EQ(found.at("new").modified, kEpoch);
  EXPECT_EQ(found.at("old").modified, 1000);
}

TEST_F(Initrd, IsTheSameWithAnyNumberOfThreads) {
  std::string content;
  for (std::uint64_t i = 0; content.size() < (20U << 20U); ++i) {
    content += std::to_string(i * 7919);
  }
  tree.file("large", content);

  const auto one = compressed(1);

  EXPECT_EQ(compressed(2), one);
  EXPECT_EQ(compressed(5), one);
}

TEST_F(Initrd, RefusesAnImageWithoutImmucore) {
  TempTree other;
  try {
    static_cast<void>(stages::uki::write_initrd(RootTree(other.path()), [](auto) {}, {}, {}, {}));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_THAT(error.facts().why, HasSubstr("/usr/bin/immucore"));
  }
}

TEST_F(Initrd, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  try {
    static_cast<void>(stages::uki::write_initrd(
        RootTree(tree.path()), [](auto) {}, {}, {}, stop.get_token()));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  }
}

}  // namespace
