// SPDX-License-Identifier: Apache-2.0
// What tries to leave the root, or to be what a root cannot hold: rows 121 to 143 and 156.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "oci/layer_writer.hpp"
#include "tests/support/layer_root.hpp"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using tests::file;
using tests::folder;
using tests::hardlink;
using tests::soft_link;
using tests::ZooEntry;
using Layer = std::vector<ZooEntry>;

const std::string kUp = "../../../../../../../../../../..";

class LayerEscapes : public testing::Test, protected tests::LayerRoot {
 protected:
  ~LayerEscapes() override { EXPECT_EQ(outside_state(), before_) << "the host was changed"; }

  /// The layer, in an empty root, leaves "new" at `where`, of which no name is a symlink.
  void lands(const Layer& layer, const std::string& where) {
    clear();
    apply(layer);
    EXPECT_EQ(fs::weakly_canonical(path() / where), fs::canonical(path()) / where);
    EXPECT_EQ(read(where), "new");
  }
  /// Whoever asks from outside finds `host` where the layer would have liked to write.
  void refused(const Layer& layer, const std::string& why) {
    clear();
    EXPECT_THAT(reason_of(layer), HasSubstr(why));
  }

  std::string host_ = outside().string();
  std::string inside_ = host_.substr(1);  ///< The same path below the root.
  std::string before_ = outside_state();
};

}  // namespace

TEST_F(LayerEscapes, Case121AnAbsoluteSymlinkLeadsIntoTheRoot) {
  lands({soft_link("a", "/etc"), file("a/passwd")}, "etc/passwd");
  lands({soft_link("a", host_), file("a/etc/passwd")}, inside_ + "/etc/passwd");
  lands({soft_link("p", "/proc/self/root"), file("p/x")}, "proc/self/root/x");
}

TEST_F(LayerEscapes, Case122ASymlinkUpAndOutEndsAtTheRoot) {
  lands({soft_link("a", kUp + "/tmp"), file("a/x")}, "tmp/x");
  lands({folder("d"), soft_link("d/l", "../" + kUp + "/e"), file("d/l/x")}, "e/x");
}

TEST_F(LayerEscapes, Case123AChainOfSymlinksStaysInside) {
  lands({soft_link("a", "/b"), soft_link("b", "c"), soft_link("c", kUp + host_), file("a/x")},
        inside_ + "/x");
  refused({soft_link("a", "b"), soft_link("b", "a"), file("a/x")}, "circle");
  refused({soft_link("a", "a/b"), file("a/x")}, "circle");
}

TEST_F(LayerEscapes, Case124AHardlinksTargetIsLookedForInside) {
  refused({hardlink("h", host_ + "/etc/passwd")}, "does not exist");
  refused({hardlink("h", kUp + host_ + "/etc/passwd")}, "does not exist");
  lands({file("f"), hardlink("h", kUp + "/f")}, "h");
  lands({file("f"), hardlink("h", "/f")}, "h");
  lands({file("f"), hardlink("f", "./f")}, "f");
  refused({hardlink("h", "/")}, "root");
  refused({folder("d"), hardlink("h", "d")}, "folder");
}

TEST_F(LayerEscapes, Case125AHardlinkThroughASymlinkStaysInside) {
  refused({soft_link("down", "/"), hardlink("h", "down" + host_ + "/etc/passwd")},
          "does not exist");
  lands({soft_link("down", "/"), file("etc/x"), hardlink("h", "down/etc/x")}, "h");
}

TEST_F(LayerEscapes, Case126AttributesOfAHardlinkToASymlinkStayInside) {
  auto link = hardlink("h", "s");
  link.mode = 06777;
  link.uid = 99;

  apply({soft_link("s", host_ + "/etc/passwd"), link});

  EXPECT_TRUE(S_ISLNK(status("h").st_mode));
  EXPECT_EQ(status("h").st_ino, status("s").st_ino);
  EXPECT_EQ(status("s").st_uid, 0U);
}

TEST_F(LayerEscapes, Case127NamesOfTheRootAndItsParentChangeNoParent) {
  for (const auto* name : {"..", "/", "a/..", ".", "./", "//", "../..", "a/../.."}) {
    auto entry = folder(name);
    entry.mode = 0750;
    clear();
    apply({entry});  // Its attributes are the root's: Case127 is in outside_state().
    EXPECT_EQ(status(".").st_mode, S_IFDIR | 0750U) << name;
    clear();
    EXPECT_NE(reason_of({file(name)}), "nothing was thrown") << name;
  }
  refused({file("..")}, "root");
  refused({file("a/..")}, "root");
  refused({file("")}, "empty");
  refused({folder("")}, "empty");
}

TEST_F(LayerEscapes, Case128TheRootStaysAFolder) {
  for (const auto* name : {".", "/", "./", "..", "a/.."}) {
    refused({soft_link(name, host_)}, "root");
    refused({file("f"), hardlink(name, "f")}, "root");
    refused({{.name = name, .type = '6'}}, "root");
  }
}

TEST_F(LayerEscapes, Case129NamesThatClimbEndAtTheRoot) {
  lands({file("../x")}, "x");
  lands({file("/abs/x")}, "abs/x");
  lands({file("a/../../x")}, "x");
  lands({file("./../../" + kUp + host_ + "/etc/passwd")}, inside_ + "/etc/passwd");
}

TEST_F(LayerEscapes, Case130WhatStandsInTheWayIsReplacedAndFoldersAreMerged) {
  lands({soft_link("l", host_), folder("l"), file("l/x")}, "l/x");
  lands({file("d", "old"), folder("d"), file("d/x")}, "d/x");
  lands({folder("d"), file("d/y"), file("d")}, "d");
  lands({folder("d"), file("d/y"), soft_link("d", host_), file("f")}, "f");
  EXPECT_TRUE(S_ISLNK(status("d").st_mode));

  auto again = folder("d");
  again.mode = 0700;
  again.mtime = 5;
  lands({folder("d"), file("d/x"), again}, "d/x");
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 0700U);
  EXPECT_EQ(status("d").st_mtim.tv_sec, 5);
}

TEST_F(LayerEscapes, Case131SymlinksOfLowerLayersLeadNoFurther) {
  apply({soft_link("foo", "/"), soft_link("out", host_)});

  apply({file("foo/tmp/x"), file("out/etc/passwd")});

  EXPECT_EQ(read("tmp/x"), "new");
  EXPECT_EQ(read(inside_ + "/etc/passwd"), "new");
}

TEST_F(LayerEscapes, Case132AParentThatIsAFileBecomesAFolder) {
  lands({file("p", "old"), file("p/x")}, "p/x");
  lands({file("p", "old"), file("p/q/r/x")}, "p/q/r/x");
  lands({file("p", "old"), soft_link("l", "p"), file("l/x")}, "l/x");
}

TEST_F(LayerEscapes, Case133MissingParentsAreRootsAndOpenToAll) {
  const auto old_umask = ::umask(077);
  lands({file("a/b/c/x")}, "a/b/c/x");
  ::umask(old_umask);

  for (const auto* name : {"a", "a/b", "a/b/c"}) {
    EXPECT_EQ(status(name).st_mode, S_IFDIR | 0755U);
    EXPECT_EQ(status(name).st_uid, 0U);
  }
}

TEST_F(LayerEscapes, Case134OnlyTheKernelResolvesNames) {
  // By their letters these end inside; followed one by one, they do not.
  lands({folder("a/b"), soft_link("a/b/c", ".."), soft_link("l", "a/b/c/../../.." + host_),
         file("l/x")},
        inside_ + "/x");
  refused({folder("a/b"), soft_link("a/b/c", ".."),
           hardlink("h", "a/b/c/../../.." + host_ + "/etc/passwd")},
          "does not exist");
}

TEST_F(LayerEscapes, Case136AFolderSwappedForASymlinkAllTheTimeLeadsNowhere) {
  fs::create_directory(path() / "d");
  fs::create_symlink(host_, path() / "swap");
  const auto swap = [this](const std::stop_token& stop) {
    const auto one = (path() / "d").string();
    const auto two = (path() / "swap").string();
    while (!stop.stop_requested()) {
      ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, two.c_str(), RENAME_EXCHANGE);
    }
  };
  Layer layer = {folder("d"), {.name = "d/etc", .type = '5', .mode = 0777, .uid = 9}};
  for (int i = 0; i < 50; ++i) {
    layer.push_back(file("d/etc/passwd"));
    layer.push_back(file("d/.wh.etc", ""));
    layer.push_back(hardlink("h" + std::to_string(i), "d/etc/passwd"));
    layer.push_back(file("d/etc/.wh..wh..opq", ""));
  }

  std::jthread attacker(swap);
  for (int round = 0; round < 20; ++round) {
    try {
      apply(layer);
    } catch (const base::Error& error) {
      continue;  // It may notice; what counts is that the host is as it was.
    }
  }
}

TEST_F(LayerEscapes, Case137AFileReplacesASymlinkAndDoesNotFollowIt) {
  lands({soft_link("l", host_ + "/etc/passwd"), file("l")}, "l");
  apply({soft_link("m", host_ + "/etc/passwd")});
  apply({file("m")});
  EXPECT_TRUE(S_ISREG(status("m").st_mode));
}

TEST_F(LayerEscapes, Case138AFileReplacesOneNameOfAHardlink) {
  apply({file("keep", "old"), hardlink("other", "keep")});

  apply({file("other")});

  EXPECT_EQ(read("keep"), "old") << "it was written through its other name";
  EXPECT_EQ(read("other"), "new");
  EXPECT_EQ(status("keep").st_nlink, 1U);
}

TEST_F(LayerEscapes, Case139TheDataOfAHardlinkGoesNowhere) {
  apply({file("f", "new")});

  EXPECT_NE(reason_of({{.name = "h", .type = '1', .content = "evil", .link = "f"}}),
            "nothing was thrown");

  EXPECT_EQ(read("f"), "new");
  refused({{.name = "h", .type = '1', .content = "evil", .link = host_ + "/etc/passwd"}},
          "does not exist");
}

TEST_F(LayerEscapes, Case140ClimbingSymlinksAreKeptAsTheyAre) {
  apply({soft_link("etc/foo", "../../../../tmp/x"), soft_link("etc/bar", "/a\\b//c")});

  EXPECT_EQ(fs::read_symlink(path() / "etc/foo"), "../../../../tmp/x");
  EXPECT_EQ(fs::read_symlink(path() / "etc/bar"), "/a\\b//c");
}

TEST_F(LayerEscapes, Case141AHardlinkKeepsItsContentWhenItsTargetGoesOrChanges) {
  apply({file("a", "old"), hardlink("b", "a"), file("c", "old"), hardlink("d", "c")});

  apply({file(".wh.a", ""), file("c")});

  EXPECT_EQ(read("b"), "old");
  EXPECT_EQ(read("d"), "old");
  EXPECT_EQ(read("c"), "new");
  EXPECT_FALSE(exists("a"));
}

TEST_F(LayerEscapes, Case142WhatAnUpperLayerDeletesIsGone) {
  apply({folder("d"), file("d/a"), file("f")});

  apply({file("d/.wh.a", ""), file(".wh.f", "")});

  EXPECT_FALSE(exists("d/a") || exists("f"));
  EXPECT_TRUE(exists("d"));
}

TEST_F(LayerEscapes, Case143HardlinkedTreesTakeTheSpaceOfOneAndKeepTheirCount) {
  Layer layer = {file("bin/busybox", std::string(1U << 20, 'x'))};
  for (int i = 0; i < 100; ++i) {
    layer.push_back(hardlink("bin/applet" + std::to_string(i), "bin/busybox"));
  }

  apply(layer);

  EXPECT_EQ(status("bin/applet99").st_nlink, 101U);
  EXPECT_EQ(status("bin/applet99").st_ino, status("bin/busybox").st_ino);
}

TEST_F(LayerEscapes, Case156TheLastEntryOfANameIsWhatStays) {
  lands({folder("d"), soft_link("d", host_), folder("d"), file("d/x")}, "d/x");
  lands({folder("d"), file("d/y"), soft_link("d", "/e"), file("d/x")}, "e/x");
  lands({file("f", "1"), file("f", "2"), file("./f"), folder("d")}, "f");
  lands({soft_link("f", host_), hardlink("g", "f"), file("g")}, "g");
  EXPECT_TRUE(S_ISLNK(status("f").st_mode));
}
