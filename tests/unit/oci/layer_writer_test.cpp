// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_writer.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/text_source.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using tests::device;
using tests::file;
using tests::folder;
using tests::hardlink;
using tests::soft_link;
using tests::ZooEntry;
using Layer = std::vector<ZooEntry>;

/// A root to write into, and a sentinel beside it that no layer may reach.
class LayerWriterTest : public testing::Test {
 protected:
  LayerWriterTest() {
    fs::create_directories(root());
    fs::create_directories(folder_.path() / "outside/etc");
    std::ofstream(folder_.path() / "outside/etc/passwd") << "host";
    std::ofstream(folder_.path() / "passwd") << "host";
    outside_before_ = outside();
  }
  ~LayerWriterTest() override { EXPECT_EQ(outside(), outside_before_) << "the host was changed"; }

  [[nodiscard]] fs::path root() const { return folder_.path() / "root"; }
  [[nodiscard]] std::string outside() const {
    return tests::list_tree(folder_.path() / "outside") +
           base::read_file(folder_.path() / "passwd", 100);
  }

  void apply_bytes(const std::string& bytes) {
    tests::TextSource source(bytes);
    oci::TarReader tar(source, "layer 1");
    const base::FileDescriptor fd(::open(root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    oci::apply_layer(tar, fd.get(), "layer 1", options_, usage_,
                     [this](std::string text) { warnings_.push_back(std::move(text)); }, {});
  }
  void apply(const Layer& layer) { apply_bytes(tests::zoo_tar(layer)); }
  [[nodiscard]] std::string reason_of(const Layer& layer) {
    try {
      apply(layer);
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity) << base::render(error);
      return error.facts().why;
    }
    return "nothing was thrown";
  }
  [[nodiscard]] std::string read(const std::string& path) const {
    return base::read_file(root() / path, 1 << 20);
  }
  [[nodiscard]] bool exists(const std::string& path) const {
    return fs::exists(fs::symlink_status(root() / path));
  }
  [[nodiscard]] struct stat status(const std::string& path) const {
    struct stat result {};
    EXPECT_EQ(::lstat((root() / path).c_str(), &result), 0) << path;
    return result;
  }
  void empty_root() {
    base::remove_tree(root());
    fs::create_directories(root());
  }

  base::TempDir folder_{base::temp_root(), "layer_writer_test"};
  oci::LayerOptions options_;
  oci::LayerUsage usage_;
  std::vector<std::string> warnings_;
  std::string outside_before_;
};

}  // namespace

// Rows 121 to 134: what tries to leave the root. Each case says where the bytes end up, or why not.
TEST_F(LayerWriterTest, NothingLeavesTheRoot) {
  const auto out = (folder_.path() / "outside").string();
  const std::string up = "../../../../../../../../../../..";
  struct Case {
    const char* what;
    Layer layer;
    std::string path;   ///< Where "new" is to be found afterwards...
    std::string error;  ///< ...or what the error says.
  };
  const std::vector<Case> cases = {
      {"absolute symlink", {soft_link("a", "/etc"), file("a/passwd")}, "etc/passwd", ""},
      {"symlink to the sentinel",
       {soft_link("a", out), file("a/etc/passwd")},
       out.substr(1) + "/etc/passwd",
       ""},
      {"symlink up and out", {soft_link("a", up + "/tmp"), file("a/x")}, "tmp/x", ""},
      {"chain",
       {soft_link("a", "/b"), soft_link("b", "c"), soft_link("c", up + out), file("a/x")},
       out.substr(1) + "/x",
       ""},
      {"symlink behind folder",
       {folder("d"), soft_link("d/l", "../" + up + "/e"), file("d/l/x")},
       "e/x",
       ""},
      {"hardlink absolute", {hardlink("h", out + "/etc/passwd")}, "", "does not exist"},
      {"hardlink relative", {hardlink("h", up + out + "/etc/passwd")}, "", "does not exist"},
      {"hardlink up, in root", {file("f"), hardlink("h", up + "/f")}, "h", ""},
      {"hardlink through symlink",
       {soft_link("down", "/"), hardlink("h", "down" + out + "/etc/passwd")},
       "",
       "does not exist"},
      {"hardlink to root", {hardlink("h", "/")}, "", "root"},
      {"hardlink to folder", {folder("d"), hardlink("h", "d")}, "", "folder"},
      {"file named ..", {file("..")}, "", "root"},
      {"file a/..", {file("a/..")}, "", "root"},
      {"symlink named .", {soft_link(".", out)}, "", "root"},
      {"symlink named /", {soft_link("/", out)}, "", "root"},
      {"symlink named ./", {soft_link("./", out)}, "", "root"},
      {"hardlink named .", {file("f"), hardlink(".", "f")}, "", "root"},
      {"../x", {file("../x")}, "x", ""},
      {"/abs/x", {file("/abs/x")}, "abs/x", ""},
      {"a/../../x", {file("a/../../x")}, "x", ""},
      {"file over symlink", {soft_link("l", out + "/etc/passwd"), file("l")}, "l", ""},
      {"folder over symlink", {soft_link("l", out), folder("l"), file("l/x")}, "l/x", ""},
      {"folder, symlink, folder",
       {folder("d"), soft_link("d", out), folder("d"), file("d/x")},
       "d/x",
       ""},
      {"folder, symlink, file below",
       {folder("d"), file("d/y"), soft_link("d", "/e"), file("d/x")},
       "e/x",
       ""},
      {"symlink over full folder",
       {folder("d"), file("d/y"), soft_link("d", out), file("f")},
       "f",
       ""},
      {"file over full folder", {folder("d"), file("d/y"), file("d")}, "d", ""},
      {"folder over file", {file("d", "old"), folder("d"), file("d/x")}, "d/x", ""},
      {"parent is a file", {file("p", "old"), file("p/x")}, "p/x", ""},
      {"parent is a symlink to a file",
       {file("p", "old"), soft_link("l", "p"), file("l/x")},
       "l/x",
       ""},
      {"parents missing", {file("a/b/c/x")}, "a/b/c/x", ""},
      {"symlink loop", {soft_link("a", "b"), soft_link("b", "a"), file("a/x")}, "", "circle"},
      {"symlink to itself growing", {soft_link("a", "a/b"), file("a/x")}, "", "circle"},
      {"magic link", {soft_link("p", "/proc/self/root"), file("p/x")}, "proc/self/root/x", ""},
      {"empty name", {file("")}, "", "empty"},
      {"a hardlink's data goes nowhere",
       {file("f", "new"), {.name = "h", .type = '1', .content = "evil", .link = "f"}},
       "",
       "Damaged"},
      {"hardlink to itself", {file("f"), hardlink("f", "./f")}, "f", ""},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    empty_root();
    if (!test.error.empty()) {
      EXPECT_THAT(reason_of(test.layer), HasSubstr(test.error));
      continue;
    }
    apply(test.layer);
    // Read the way it was meant to be written: no name on it may be a symlink.
    EXPECT_EQ(fs::weakly_canonical(root() / test.path), fs::canonical(root()) / test.path);
    EXPECT_EQ(read(test.path), "new");
    EXPECT_EQ(outside(), outside_before_);
  }
}

TEST_F(LayerWriterTest, LowerLayersLeadNoFurther) {
  const auto out = (folder_.path() / "outside").string();
  apply({soft_link("foo", "/"), soft_link("out", out), file("keep", "old"),
         hardlink("keep2", "keep")});

  apply({file("foo/tmp/x"), file("out/etc/passwd"), file("keep2")});

  EXPECT_EQ(read("tmp/x"), "new");
  EXPECT_EQ(read(out.substr(1) + "/etc/passwd"), "new");
  EXPECT_EQ(read("keep"), "old") << "a file was written through its other name";
}

TEST_F(LayerWriterTest, AttributesOfAHardlinkToASymlinkStayInside) {
  const auto target = (folder_.path() / "passwd").string();
  auto link = hardlink("h", "s");
  link.mode = 0777;
  link.uid = 99;

  apply({soft_link("s", target), link});

  EXPECT_TRUE(S_ISLNK(status("h").st_mode));
  EXPECT_EQ(status("h").st_ino, status("s").st_ino);
  EXPECT_EQ(status("s").st_uid, 0U);
}

TEST_F(LayerWriterTest, KeepsClimbingSymlinksAsTheyAre) {
  apply({soft_link("etc/foo", "../../../../tmp/x"), soft_link("etc/bar", "/a\\b//c")});

  EXPECT_EQ(fs::read_symlink(root() / "etc/foo"), "../../../../tmp/x");
  EXPECT_EQ(fs::read_symlink(root() / "etc/bar"), "/a\\b//c");
}

TEST_F(LayerWriterTest, AHardlinkKeepsItsContentWhenItsTargetGoes) {
  apply({file("a", "old"), hardlink("b", "a")});

  apply({file(".wh.a", "")});

  EXPECT_EQ(read("b"), "old");
  EXPECT_FALSE(exists("a"));
}

TEST_F(LayerWriterTest, KeepsLinkCounts) {
  apply({file("a"), hardlink("b", "a"), hardlink("c", "b")});

  EXPECT_EQ(status("a").st_nlink, 3U);
}

TEST_F(LayerWriterTest, GivesExactModesOwnersAndTimesWhateverTheUmask) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto old_umask = ::umask(077);
  ZooEntry suid{.name = "d/suid", .content = "x", .mode = 06755, .uid = 1000, .gid = 1001};
  suid.pax = {{"mtime", "1000000000.123456789"}};
  ZooEntry far{.name = "d/far", .mode = 0644};
  far.pax = {{"uid", "3000000"}, {"gid", "4000000"}};
  ZooEntry sticky = folder("d");
  sticky.mode = 03777;
  sticky.gid = 50;
  sticky.mtime = 5;

  apply({sticky, suid, far, file("implied/x")});
  ::umask(old_umask);

  EXPECT_EQ(status("d/suid").st_mode, S_IFREG | 06755U);
  EXPECT_EQ(status("d/suid").st_uid, 1000U);
  EXPECT_EQ(status("d/suid").st_gid, 1001U);
  EXPECT_EQ(status("d/suid").st_mtim.tv_nsec, 123456789);
  EXPECT_EQ(status("d/far").st_uid, 3000000U);
  EXPECT_EQ(status("d/far").st_gid, 4000000U);
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 03777U);
  EXPECT_EQ(status("d").st_mtim.tv_sec, 5) << "the folder's time was given before its children";
  EXPECT_EQ(status("implied").st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(status("implied").st_gid, 0U);
}

TEST_F(LayerWriterTest, FoldersThatAreNotInTheLayerKeepTheirTimes) {
  auto lower = folder("d");
  lower.mtime = 7;
  apply({lower, file("d/gone")});

  apply({file("d/x"), file("d/.wh.gone", "")});

  EXPECT_EQ(status("d").st_mtim.tv_sec, 7);
}

TEST_F(LayerWriterTest, TakesXattrsByItsPolicy) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  ZooEntry entry = file("f");
  entry.uid = 5;
  entry.pax = {{"SCHILY.xattr.security.capability", capability},
               {"SCHILY.xattr.user.note", std::string("\0bin", 4)},
               {"SCHILY.xattr.security.selinux", "system_u:object_r:etc_t:s0"},
               {"SCHILY.xattr.trusted.overlay.opaque", "y"},
               {"SCHILY.xattr.user.overlay.redirect", "/etc"}};
  ZooEntry link = soft_link("l", "f");
  link.pax = {{"SCHILY.xattr.user.note", "x"}};

  apply({entry, link});

  const auto listing = tests::list_tree(root());
  EXPECT_THAT(listing, HasSubstr("security.capability=\\x01\\x00\\x00\\x02"));
  EXPECT_THAT(listing, HasSubstr("user.note=\\x00bin"));
  EXPECT_THAT(listing, testing::Not(HasSubstr("selinux")));
  EXPECT_THAT(listing, testing::Not(HasSubstr("overlay")));
  EXPECT_THAT(warnings_, testing::ElementsAre(HasSubstr("overlay")));
}

TEST_F(LayerWriterTest, ClearsXattrsThatALowerLayerGaveAFolder) {
  auto lower = folder("d");
  lower.pax = {{"SCHILY.xattr.user.old", "1"}, {"SCHILY.xattr.user.both", "1"}};
  auto upper = folder("d");
  upper.mode = 0700;
  upper.pax = {{"SCHILY.xattr.user.both", "2"}};
  apply({lower, file("d/x")});

  apply({upper});

  const auto listing = tests::list_tree(root() / "d");
  EXPECT_THAT(listing, HasSubstr("user.both=2"));
  EXPECT_THAT(listing, testing::Not(HasSubstr("user.old")));
  EXPECT_TRUE(exists("d/x"));
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 0700U);
}

TEST_F(LayerWriterTest, MakesDevicesAndFifos) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto fifo = file("fifo", "");
  fifo.type = '6';
  fifo.mode = 0620;

  apply({device("null", 1, 3), fifo});

  EXPECT_EQ(status("null").st_rdev, ::makedev(1, 3));
  EXPECT_EQ(status("fifo").st_mode, S_IFIFO | 0620U);
  EXPECT_THAT(reason_of({device("big", 4096, 0)}), HasSubstr("out of range"));
  EXPECT_THAT(reason_of({device("big", 0, 1 << 20)}), HasSubstr("out of range"));
  EXPECT_THAT(reason_of({device("whiteout", 0, 0)}), HasSubstr("0:0"));
}

TEST_F(LayerWriterTest, LeavesDevicesOutWhenTold) {
  options_.skip_devices = true;

  apply({device("null", 1, 3), file("f")});

  EXPECT_FALSE(exists("null"));
  EXPECT_TRUE(exists("f"));
  EXPECT_THAT(warnings_, testing::ElementsAre(HasSubstr("null")));
}

TEST_F(LayerWriterTest, WithoutOwnersNeedsNoPrivilegeEvenForLockedFolders) {
  options_.keep_owners = false;
  auto locked = folder("locked");
  locked.mode = 0555;
  locked.uid = 4242;
  auto upper = file("locked/y");
  upper.uid = 4242;
  ASSERT_EQ(::chown(root().c_str(), 65534, 65534), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(2);
    try {
      apply({locked, file("locked/x"), device("null", 1, 3)});
      apply({upper, file("locked/.wh.x", "")});
    } catch (const base::Error& error) {
      std::fputs(base::render(error).c_str(), stderr);
      ::_exit(1);
    }
    ::_exit(0);
  }
  int result = -1;
  ::waitpid(child, &result, 0);

  EXPECT_EQ(result, 0);
  EXPECT_EQ(status("locked").st_mode, S_IFDIR | 0555U);
  EXPECT_EQ(read("locked/y"), "new");
  EXPECT_FALSE(exists("locked/x"));
  EXPECT_EQ(status("locked/y").st_uid, 65534U);
}

TEST_F(LayerWriterTest, KeepsHoles) {
  std::string map = "1\n10000000\n5\n";
  map.resize(512);
  ZooEntry entry{.name = "s", .content = map + "hello"};
  entry.pax = {{"GNU.sparse.major", "1"},
               {"GNU.sparse.minor", "0"},
               {"GNU.sparse.name", "sparse"},
               {"GNU.sparse.realsize", "20000000"}};

  apply({entry});

  EXPECT_EQ(status("sparse").st_size, 20'000'000);
  EXPECT_LT(status("sparse").st_blocks, 64);
  std::ifstream in(root() / "sparse");
  in.seekg(10'000'000);
  std::string text(5, '\0');
  in.read(text.data(), 5);
  EXPECT_EQ(text, "hello");
}

TEST_F(LayerWriterTest, StopsAtItsLimits) {
  options_.max_bytes = 1000;
  options_.max_entries = 5;

  EXPECT_THAT(reason_of({file("a", std::string(600, 'x')), file("b", std::string(600, 'x'))}),
              HasSubstr("1000 bytes"));
  usage_ = {};
  EXPECT_THAT(reason_of({file("a"), file("b"), file("c"), file("d"), file("e"), file("f")}),
              HasSubstr("5 entries"));
}

// Rows 167 to 177: whiteouts.
TEST_F(LayerWriterTest, AWhiteoutRemovesJustWhatItNames) {
  apply({file("f"), folder("d"), file("d/x"), soft_link("l", "d"), file("g"), file("fg")});

  apply({file(".wh.f", ""), file(".wh.d", ""), file(".wh.l", ""), file(".wh.missing", ""),
         file("no/such/.wh.thing", "")});

  EXPECT_EQ(tests::list_tree(root(), false).find(".wh."), std::string::npos);
  EXPECT_FALSE(exists("f") || exists("d") || exists("l") || exists("no"));
  EXPECT_TRUE(exists("g") && exists("fg"));
}

TEST_F(LayerWriterTest, WhiteoutsTouchLowerLayersOnlyInAnyOrder) {
  const Layer lower = {
      folder("d"),      file("d/old", "old"), folder("d/sub"),     file("d/sub/old", "old"),
      file("f", "old"), folder("e"),          file("e/old", "old")};
  const Layer upper = {file("f"),         file(".wh.f", ""),          file("d/new"),
                       file("d/sub/new"), file("d/.wh..wh..opq", ""), file("e/deep/new"),
                       file(".wh.e", "")};
  std::string expected;
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    empty_root();
    apply(lower);
    auto shuffled = upper;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    apply(shuffled);
    const auto listing = tests::list_tree(root(), false);
    if (round == 0) expected = listing;
    ASSERT_EQ(listing, expected) << "round " << round;
  }
  EXPECT_EQ(expected.find("old"), std::string::npos) << expected;
  for (const auto* path : {"f", "d/new", "d/sub/new", "e/deep/new"}) EXPECT_EQ(read(path), "new");
}

TEST_F(LayerWriterTest, RefusesWhiteoutsOfNothing) {
  apply({file("f"), folder("d"), file("d/f")});
  const auto before = tests::list_tree(root());
  for (const auto* name : {".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh...", ".wh./"}) {
    EXPECT_THAT(reason_of({file(name, "")}), HasSubstr("whiteout of nothing")) << name;
  }
  EXPECT_EQ(tests::list_tree(root()), before);
}

TEST_F(LayerWriterTest, WhiteoutsFollowParentsInsideTheRootOnly) {
  const auto out = (folder_.path() / "outside").string();
  apply({soft_link("link", "/"), file("etc/x"), soft_link("out", out),
         soft_link("dead", "/nowhere"), folder("usr/lib"), file("usr/lib/x"),
         soft_link("lib", "usr/lib")});

  apply({file("link/.wh.etc", ""), file("out/.wh.etc", ""), file("out/etc/.wh..wh..opq", ""),
         file("dead/.wh.x", ""), file("lib/.wh.x", "")});

  EXPECT_FALSE(exists("etc"));
  EXPECT_FALSE(exists("usr/lib/x"));
  EXPECT_TRUE(exists("lib"));
}

TEST_F(LayerWriterTest, AFolderNamedLikeAWhiteoutIsAFolder) {
  apply({file("etc/passwd", "old")});

  apply({file(".wh.etc/somefile")});

  EXPECT_EQ(read(".wh.etc/somefile"), "new");
  EXPECT_EQ(read("etc/passwd"), "old");
}

TEST_F(LayerWriterTest, WhatComesBackAfterAWhiteoutIsAllThereIs) {
  apply({folder("d"), file("d/a"), file("d/b")});
  apply({file(".wh.d", "")});
  apply({folder("d"), file("d/c")});

  EXPECT_FALSE(exists("d/a") || exists("d/b"));
  EXPECT_TRUE(exists("d/c"));
}

TEST_F(LayerWriterTest, DeepTreesComeAndGo) {
  std::string path = "d";
  while (path.size() < 3500) path += "/d";
  apply({file(path + "/x")});

  apply({file(".wh.d", "")});

  EXPECT_FALSE(exists("d"));
}

TEST_F(LayerWriterTest, SaysWhichNameIsTooLong) {
  EXPECT_THAT(reason_of({file(std::string(300, 'n'))}), HasSubstr("too long"));
  EXPECT_THAT(reason_of({file(std::string(300, 'n') + "/x")}), HasSubstr("too long"));
}
