// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/copy.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../temp_tree.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "oci/tar_stream.hpp"
#include "stages/dockerfile/archive_source.hpp"

namespace stages::dockerfile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A build context (or the root of a stage) and the root that is copied to.
class Copy : public testing::Test {
 protected:
  CopyRequest request(std::vector<std::string> sources, std::string destination) const {
    return {.source_root = from_.path(),
            .sources = std::move(sources),
            .destination = std::move(destination),
            .ignore = {},
            .exclude = {},
            .chown = {},
            .chmod = {},
            .epoch = {}};
  }
  void copy(CopyRequest wanted) const { CopyPlan(std::move(wanted), {}).apply(to_.path()); }
  void copy(std::vector<std::string> sources, std::string destination) const {
    copy(request(std::move(sources), std::move(destination)));
  }
  std::string failure(CopyRequest wanted) const {
    try {
      copy(std::move(wanted));
      return "it is copied";
    } catch (const base::Error& error) {
      return base::render(error);
    }
  }
  std::string digest(CopyRequest wanted) const {
    return CopyPlan(std::move(wanted), {}).digest().text();
  }
  struct stat status_of(const std::string& inside) const {
    struct stat status {};
    EXPECT_EQ(::lstat(to_.path(inside).c_str(), &status), 0) << inside;
    return status;
  }
  mode_t mode_of(const std::string& inside) const { return status_of(inside).st_mode & 07777U; }
  bool exists(const std::string& inside) const {
    return std::filesystem::exists(std::filesystem::symlink_status(to_.path(inside)));
  }

  TempTree from_;
  TempTree to_;
};

TEST_F(Copy, PutsAFileAtItsDestination) {
  from_.file("a", "A").file("d/b", "B");
  to_.folder("there");

  copy({"a"}, "/x/y/renamed");
  copy({"a", "d/b"}, "/folder/");
  copy({"/../d/../d/b"}, "/there");
  copy({"a", "d/b"}, "/there");

  EXPECT_EQ(to_.content("x/y/renamed"), "A");
  EXPECT_EQ(to_.content("folder/a"), "A");
  EXPECT_EQ(to_.content("folder/b"), "B");
  EXPECT_EQ(to_.content("there/b"), "B");
  EXPECT_EQ(to_.content("there/a"), "A");
  EXPECT_EQ(mode_of("x/y"), 0755U);
  EXPECT_THAT(failure(request({"a", "d/b"}, "/nowhere")),
              HasSubstr("cannot copy several files to /nowhere"));
}

TEST_F(Copy, MergesTheContentsOfAFolder) {
  from_.file("d/a", "A").file("d/sub/b", "B").folder("d/empty").link("d/l", "sub/b");
  ::chmod(from_.path("d").c_str(), 0700);
  ::chmod(from_.path("d/sub").c_str(), 0750);
  to_.file("dst/sub/old", "old").file("dst/a", "before");

  copy({"d/"}, "/dst");
  copy({"d"}, "/new");

  EXPECT_EQ(to_.content("dst/a"), "A");
  EXPECT_EQ(to_.content("dst/sub/b"), "B");
  EXPECT_EQ(to_.content("dst/sub/old"), "old");
  EXPECT_EQ(mode_of("dst/sub"), 0750U);
  EXPECT_TRUE(exists("dst/empty"));
  EXPECT_TRUE(S_ISLNK(status_of("dst/l").st_mode));
  EXPECT_EQ(mode_of("new"), 0755U) << "the destination itself is new";
  EXPECT_EQ(to_.content("new/sub/b"), "B");
}

TEST_F(Copy, RefusesAFolderOverAFileAndAFileOverAFolder) {
  from_.file("d/x/f").file("f");
  to_.file("a/x").folder("b/f");

  EXPECT_THAT(failure(request({"d"}, "/a")), HasSubstr("cannot copy to non-directory: /a/x"));
  EXPECT_THAT(failure(request({"f"}, "/b")), HasSubstr("cannot replace to directory /b/f"));
  EXPECT_THAT(failure(request({"f"}, "/a/x/y")), HasSubstr("/a/x is a file"));
  EXPECT_EQ(to_.content("a/x"), "x");
}

TEST_F(Copy, MatchesPatternsAsGoDoes) {
  from_.file("a.txt").file("b.txt").file("c.md").file("d/e.txt").file("arr[0].txt");

  copy({"*.txt"}, "/txt/");
  copy({"?/e.*"}, "/deep/");
  copy({"arr[[]0].txt"}, "/esc/");
  copy({"c.md", "nothing*"}, "/some/");
  copy({"[ab].txt"}, "/class/");

  EXPECT_TRUE(exists("txt/a.txt") && exists("txt/b.txt") && exists("txt/arr[0].txt"));
  EXPECT_FALSE(exists("txt/e.txt"));
  EXPECT_TRUE(exists("deep/e.txt"));
  EXPECT_TRUE(exists("esc/arr[0].txt"));
  EXPECT_TRUE(exists("some/c.md"));
  EXPECT_TRUE(exists("class/a.txt"));
  EXPECT_THAT(CopyPlan(request({"nothing*", "c.md"}, "/"), {}).unmatched(),
              ElementsAre("nothing*"));
  EXPECT_THAT(failure(request({"missing"}, "/")), HasSubstr("\"/missing\": not found"));
  EXPECT_THAT(failure(request({"no/*.txt"}, "/")), HasSubstr("\"/no\": not found"));
}

TEST_F(Copy, Case188StaysInItsSource) {
  TempTree outside;
  outside.file("secret", "leaked");
  from_.file("in", "inside").link("out", outside.path("secret")).link("up", "../../../in");
  from_.link("d/out", outside.path("secret")).link("folder", outside.path());

  EXPECT_THAT(failure(request({"out"}, "/")), HasSubstr("\"/out\": not found"));
  EXPECT_THAT(failure(request({"folder/secret"}, "/")), HasSubstr("not found"));
  copy({"up"}, "/up");
  copy({"d"}, "/d");
  copy({"../../in"}, "/dots");

  EXPECT_EQ(to_.content("up"), "inside");
  EXPECT_EQ(to_.content("dots"), "inside");
  EXPECT_EQ(std::filesystem::read_symlink(to_.path("d/out")), outside.path("secret"));
}

TEST_F(Copy, Case187StaysInItsTarget) {
  TempTree outside;
  outside.file("victim", "untouched");
  from_.file("f", "new").file("d/link/f", "new");
  to_.link("abs", outside.path()).link("file", outside.path("victim")).link("up", "../../..");
  to_.folder("usr/lib").link("lib", "usr/lib").link("dangling", "/made/here");
  to_.link("loop", "loop");

  copy({"f"}, "/abs/x");
  copy({"f"}, "/file");
  copy({"f"}, "/up/top");
  copy({"f"}, "/lib/");
  copy({"f"}, "/dangling/");
  copy({"d"}, "/abs2");

  EXPECT_EQ(outside.content("victim"), "untouched");
  EXPECT_FALSE(std::filesystem::exists(outside.path("x")));
  EXPECT_EQ(to_.content("top"), "new");
  EXPECT_EQ(to_.content("usr/lib/f"), "new");
  EXPECT_EQ(to_.content("made/here/f"), "new");
  EXPECT_THAT(failure(request({"f"}, "/loop/x")), HasSubstr("too many symlinks"));
}

TEST_F(Copy, MergesIntoFoldersBehindSymlinks) {
  from_.file("d/lib/f", "new");
  to_.folder("usr/lib").link("lib", "usr/lib");

  copy({"d"}, "/");

  EXPECT_EQ(to_.content("usr/lib/f"), "new");
  EXPECT_TRUE(S_ISLNK(status_of("lib").st_mode));
}

TEST_F(Copy, Case191LeavesOutWhatTheIgnoreFileSays) {
  from_.file("keep").file("drop.log").file("logs/keep.log").file("logs/x").file("src/a.o");
  auto wanted = request({"."}, "/all");
  wanted.ignore = {"*.log", "logs", "!logs/keep.log", "src"};
  copy(wanted);

  EXPECT_TRUE(exists("all/keep"));
  EXPECT_FALSE(exists("all/drop.log"));
  EXPECT_TRUE(exists("all/logs/keep.log"));
  EXPECT_FALSE(exists("all/logs/x"));
  EXPECT_FALSE(exists("all/src"));

  wanted.sources = {"drop.log"};
  EXPECT_THAT(failure(wanted), HasSubstr("\"/drop.log\": not found\n  because: the ignore file"));
  wanted.sources = {"*.log"};
  EXPECT_THAT(CopyPlan(wanted, {}).unmatched(), ElementsAre("*.log"));
  wanted.sources = {"logs"};
  copy(wanted);
  EXPECT_FALSE(exists("all/x"));
}

TEST_F(Copy, Case191SeesThroughSymlinksToIgnoredFiles) {
  from_.file("secret/key").link("alias", "secret/key");
  auto wanted = request({"alias"}, "/x");
  wanted.ignore = {"secret"};
  EXPECT_THAT(failure(wanted), HasSubstr("the ignore file leaves it out"));
}

TEST_F(Copy, ExcludesPatterns) {
  from_.file("d/a.md")
      .file("d/b.txt")
      .file("d/sub/c.md")
      .file("d/sub/d.txt")
      .file("x.md")
      .file("y");
  auto wanted = request({"d"}, "/d");
  wanted.exclude = {"*.md"};
  copy(wanted);
  wanted = request({"d"}, "/e");
  wanted.exclude = {"**/*.md", "sub/d*"};
  copy(wanted);
  wanted = request({"*"}, "/f/");
  wanted.exclude = {"*.md", "d"};
  copy(wanted);

  EXPECT_FALSE(exists("d/a.md"));
  EXPECT_TRUE(exists("d/sub/c.md"));
  EXPECT_FALSE(exists("e/sub/c.md"));
  EXPECT_FALSE(exists("e/sub/d.txt"));
  EXPECT_TRUE(exists("e/b.txt"));
  EXPECT_TRUE(exists("f/y"));
  EXPECT_FALSE(exists("f/x.md") || exists("f/b.txt"));
  wanted.exclude = {"[a-"};
  EXPECT_THAT(failure(wanted), HasSubstr("--exclude: syntax error in pattern"));
}

TEST_F(Copy, KeepsParentsOnDemand) {
  from_.file("x/a.txt").file("x/y/b.txt").file("x/y/c.md");
  ::chmod(from_.path("x").c_str(), 0711);
  const auto with_parents = [&](std::string source, std::string destination) {
    auto wanted = request({std::move(source)}, std::move(destination));
    wanted.parents = true;
    return wanted;
  };

  copy(with_parents("x/a.txt", "/one/"));
  copy(with_parents("x/*/*.txt", "/two"));
  copy(with_parents("x/./y/b.txt", "/three"));
  copy(with_parents("**/*.txt", "/four"));
  copy(with_parents("x/y", "/five"));
  copy(with_parents("*/./y/b.txt", "/seven"));
  copy(with_parents("x/*/./b.txt", "/eight"));  // x/a.txt matches, and holds nothing.

  EXPECT_TRUE(exists("one/x/a.txt"));
  EXPECT_EQ(mode_of("one/x"), 0711U);
  EXPECT_TRUE(exists("two/x/y/b.txt"));
  EXPECT_FALSE(exists("two/x/a.txt") || exists("two/x/y/c.md"));
  EXPECT_TRUE(exists("three/y/b.txt"));
  EXPECT_FALSE(exists("three/x"));
  EXPECT_TRUE(exists("four/x/a.txt") && exists("four/x/y/b.txt"));
  EXPECT_TRUE(exists("five/x/y/c.md"));
  EXPECT_TRUE(exists("seven/y/b.txt") && exists("eight/b.txt"));
  EXPECT_THAT(failure(with_parents("x/none", "/six")), HasSubstr("\"/x/none\": not found"));
}

TEST_F(Copy, SetsModesAndOwners) {
  from_.file("d/f").file("d/run");
  ::chmod(from_.path("d/run").c_str(), 0755);
  auto wanted = request({"d"}, "/a/b");
  wanted.chmod = "0640";
  copy(wanted);
  EXPECT_EQ(mode_of("a/b/f"), 0640U);
  EXPECT_EQ(mode_of("a"), 0640U) << "new folders above too, as in BuildKit";

  ::chmod(to_.path("a").c_str(), 0755);
  wanted = request({"d"}, "/c");
  wanted.chmod = "u=rwX,go=";
  wanted.chown = {.user = 12, .group = 34};
  copy(wanted);
  EXPECT_EQ(mode_of("c/f"), 0600U);
  EXPECT_EQ(mode_of("c/run"), 0700U);
  EXPECT_EQ(mode_of("c"), 0755U);
  if (::geteuid() == 0) {
    EXPECT_EQ(status_of("c/f").st_uid, 12U);
    EXPECT_EQ(status_of("c").st_gid, 34U);
  }
  wanted.chmod = "rwx";
  EXPECT_THAT(failure(wanted), HasSubstr("invalid chmod parameter: 'rwx'"));
}

TEST_F(Copy, Case199KeepsAllOfAStagesFiles) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  from_.file("d/f", "data").link("d/l", "f");
  std::filesystem::create_hard_link(from_.path("d/f"), from_.path("d/sub"));
  ::chown(from_.path("d/f").c_str(), 1000, 1001);
  ::chmod(from_.path("d/f").c_str(), 06755);
  ::lchown(from_.path("d/l").c_str(), 7, 8);
  ::setxattr(from_.path("d/f").c_str(), "user.note", "x\0y", 3, 0);
  ::mkfifo(from_.path("d/pipe").c_str(), 0600);
  ::mknod(from_.path("d/null").c_str(), S_IFCHR | 0666U, ::makedev(1, 3));
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 1000, .tv_nsec = 5}};
  ::utimensat(AT_FDCWD, from_.path("d/f").c_str(), times, 0);
  ::truncate(from_.path("d/f").c_str(), 1 << 24);
  ::utimensat(AT_FDCWD, from_.path("d/f").c_str(), times, 0);
  auto wanted = request({"d"}, "/x");
  wanted.keep_owners = true;
  copy(wanted);

  const auto file = status_of("x/f");
  EXPECT_EQ(file.st_uid, 1000U);
  EXPECT_EQ(file.st_gid, 1001U);
  EXPECT_EQ(file.st_mode & 07777U, 06755U);
  EXPECT_EQ(file.st_nlink, 2U);
  EXPECT_EQ(file.st_ino, status_of("x/sub").st_ino);
  EXPECT_EQ(file.st_mtim.tv_sec, 1000);
  EXPECT_EQ(file.st_mtim.tv_nsec, 5);
  EXPECT_EQ(file.st_size, 1 << 24);
  EXPECT_LT(file.st_blocks * 512, 1 << 20) << "the hole stays one";
  EXPECT_EQ(status_of("x/l").st_uid, 7U);
  EXPECT_TRUE(S_ISFIFO(status_of("x/pipe").st_mode));
  EXPECT_EQ(status_of("x/null").st_rdev, ::makedev(1, 3));
  char value[8];
  EXPECT_EQ(::getxattr(to_.path("x/f").c_str(), "user.note", value, sizeof value), 3);
}

TEST_F(Copy, Case198RefusesDevicesOfAContext) {
  from_.file("d/f");
  ::mkfifo(from_.path("d/pipe").c_str(), 0600);
  EXPECT_THAT(failure(request({"d"}, "/x")), HasSubstr("cannot copy \"/d/pipe\""));
  EXPECT_THAT(failure(request({"d/pipe"}, "/x")), HasSubstr("it is no file, folder or symlink"));
}

TEST_F(Copy, Case203ClampsTimes) {
  from_.file("d/f");
  auto wanted = request({"d"}, "/x/y");
  wanted.epoch = 1000;
  copy(wanted);
  EXPECT_EQ(status_of("x/y/f").st_mtim.tv_sec, 1000);
  EXPECT_EQ(status_of("x/y").st_mtim.tv_sec, 1000);
  EXPECT_EQ(status_of("x").st_mtim.tv_sec, 1000);
}

TEST_F(Copy, LeavesTheTimeOfFoldersThatAreThere) {
  from_.file("f");
  to_.folder("etc");
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  ::utimensat(AT_FDCWD, to_.path("etc").c_str(), times, 0);
  copy({"f"}, "/etc/f");
  EXPECT_EQ(status_of("etc").st_mtim.tv_sec, 1000);
}

TEST_F(Copy, HasADigestOfAllButTimes) {
  from_.file("d/f", "one").file("d/g", "two");
  const auto before = digest(request({"d"}, "/x"));
  const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 0}};
  ::utimensat(AT_FDCWD, from_.path("d/f").c_str(), times, 0);
  EXPECT_EQ(digest(request({"d"}, "/x")), before);

  ::chmod(from_.path("d/f").c_str(), 0600);
  const auto with_mode = digest(request({"d"}, "/x"));
  EXPECT_NE(with_mode, before);
  from_.file("d/f", "six");
  const auto with_content = digest(request({"d"}, "/x"));
  EXPECT_NE(with_content, with_mode);
  from_.link("d/h", "f");
  EXPECT_NE(digest(request({"d"}, "/x")), with_content);
  auto ignoring = request({"d"}, "/x");
  ignoring.ignore = {"d/h"};
  EXPECT_EQ(digest(ignoring), with_content);
  EXPECT_NE(digest(request({"d/f"}, "/x")), digest(request({"d/g"}, "/x")));
}

TEST_F(Copy, ReadsUnchangedFilesOnce) {
  from_.file("d/f", "one").file("d/g", "two");
  // Files that changed within the last seconds are not trusted to stay: let them be older.
  ContentDigests fresh;
  auto wanted = request({"d"}, "/x");
  wanted.digests = &fresh;
  digest(wanted);
  digest(wanted);
  EXPECT_EQ(fresh.files_read(), 4U);

  ::sleep(4);
  ContentDigests digests(to_.path("digests"));
  wanted.digests = &digests;
  const auto before = digest(wanted);
  EXPECT_EQ(digest(wanted), before);
  EXPECT_EQ(digests.files_read(), 2U);
  digests.save();

  ContentDigests again(to_.path("digests"));
  wanted.digests = &again;
  EXPECT_EQ(digest(wanted), before);
  EXPECT_EQ(again.files_read(), 0U);
  from_.file("d/f", "six");
  EXPECT_NE(digest(wanted), before);
  EXPECT_EQ(again.files_read(), 1U);
}

std::string tar_of(const std::vector<oci::TarEntry>& entries) {
  std::string bytes;
  oci::TarStream tar([&](std::span<const std::byte> data) {
    bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
  });
  for (const auto& entry : entries) {
    tar.add(entry);
    const std::string content(entry.bytes, 'x');
    if (!content.empty()) tar.write(std::as_bytes(std::span(content)));
  }
  tar.finish();
  return bytes;
}

oci::TarEntry entry(oci::EntryType type, std::string path, std::string link = {}) {
  oci::TarEntry one;
  one.type = type;
  one.path = std::move(path);
  one.link_target = std::move(link);
  one.mode = 0644;
  one.uid = 5;
  one.gid = 6;
  one.bytes = type == oci::EntryType::kFile ? 3 : 0;
  return one;
}

TEST_F(Copy, UnpacksArchivesOfEveryKind) {
  from_.file("plain.data", tar_of({entry(oci::EntryType::kFile, "a/b"),
                                   entry(oci::EntryType::kFile, "a/.wh.c")}));
  from_.file("text.tar", "no archive").file("a.gz", "no gzip");
  base::SystemProcessRunner runner;
  for (const std::string program : {"gzip", "bzip2", "xz", "zstd"}) {
    std::filesystem::copy_file(from_.path("plain.data"), from_.path("x"));
    base::run_or_throw(runner,
                       {.program = program,
                        .arguments = {from_.path("x")},
                        .environment = {},
                        .working_directory = {},
                        .input = {}},
                       base::ErrorCode::kInternal, {}, {});
    std::filesystem::remove(from_.path("x"));
  }

  for (const std::string name : {"plain.data", "x.gz", "x.bz2", "x.xz", "x.zst"}) {
    auto wanted = request({name}, "/" + name);
    wanted.unpack = true;
    copy(wanted);
    EXPECT_EQ(to_.content(name + "/a/b"), "xxx") << name;
    EXPECT_TRUE(exists(name + "/a/.wh.c")) << "no whiteout here";
    copy({name}, "/as-it-is/");
    EXPECT_EQ(to_.content("as-it-is/" + name), from_.content(name));
  }
  auto wanted = request({"text.tar", "a.gz", "plain.data"}, "/d/");
  wanted.unpack = true;
  wanted.chown = {.user = 77, .group = 78};
  copy(wanted);
  EXPECT_EQ(to_.content("d/text.tar"), "no archive");
  EXPECT_TRUE(exists("d/a.gz") && exists("d/a/b"));
  if (::geteuid() == 0) {
    EXPECT_EQ(status_of("d/a/b").st_uid, 77U);
    EXPECT_EQ(status_of("x.xz/a/b").st_uid, 5U);
  }
  auto as_archive = request({"plain.data"}, "/x");
  as_archive.unpack = true;
  EXPECT_NE(digest(as_archive), digest(request({"plain.data"}, "/x")));
}

TEST_F(Copy, Case149AnOrdinaryUserUnpacksArchivesWithoutTheirDevices) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody else";
  constexpr uid_t kNobody = 65534;
  auto device = entry(oci::EntryType::kCharDevice, "null");
  device.device_major = 1;
  device.device_minor = 3;
  from_.file("x.tar", tar_of({device, entry(oci::EntryType::kFile, "f")}));
  const auto archive = base::open_for_reading(from_.path("x.tar"));
  const auto to = base::open_for_reading(to_.path());
  ASSERT_EQ(::fchown(to.get(), kNobody, kNobody), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) ::_exit(2);
    try {
      unpack_archive(archive.get(), "x.tar", to.get(), std::nullopt, {});
    } catch (const base::Error&) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);

  EXPECT_EQ(status, 0);
  EXPECT_TRUE(exists("f"));
  EXPECT_FALSE(exists("null"));
}

TEST_F(Copy, Case135UnpacksAsSafelyAsLayers) {
  TempTree outside;
  outside.file("victim", "untouched");
  from_.file("evil.tar", tar_of({entry(oci::EntryType::kSymlink, "out", outside.path().string()),
                                 entry(oci::EntryType::kFile, "out/victim"),
                                 entry(oci::EntryType::kFile, "../../climbed"),
                                 entry(oci::EntryType::kSymlink, "v", outside.path("victim")),
                                 entry(oci::EntryType::kFile, "v")}));
  to_.link("dst", "/real");
  auto wanted = request({"evil.tar"}, "/dst/");
  wanted.unpack = true;
  copy(wanted);

  EXPECT_EQ(outside.content("victim"), "untouched");
  EXPECT_TRUE(exists("real/climbed"));
  EXPECT_FALSE(exists("climbed"));
  EXPECT_EQ(to_.content("real/v"), "xxx");

  auto cut = from_.content("evil.tar");
  cut.resize(cut.find("xxx") + 1);
  from_.file("cut.tar", cut);
  wanted.sources = {"cut.tar"};
  EXPECT_THAT(failure(wanted), HasSubstr("cut.tar"));
}

}  // namespace
}  // namespace stages::dockerfile
