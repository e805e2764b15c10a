// SPDX-License-Identifier: Apache-2.0
#include "stages/finish_tree.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>

#include "base/error.hpp"
#include "tests/unit/stages/temp_tree.hpp"

using stages::finish_tree;

namespace {

constexpr std::int64_t kEpoch = 1700000000;

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

void set_date(const std::filesystem::path& path, std::int64_t seconds) {
  const std::array<timespec, 2> times = {timespec{.tv_sec = seconds, .tv_nsec = 0},
                                         timespec{.tv_sec = seconds, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
}

stages::FinishTreeOptions with_overlay(const TempTree& overlay) {
  stages::FinishTreeOptions options;
  options.overlay = overlay.path();
  options.epoch = kEpoch;
  return options;
}

}  // namespace

TEST(FinishTree, MakesTheFoldersThatASystemNeeds) {
  const TempTree tree;

  finish_tree(tree.path(), {.os_release = {}, .kairos_release = {}, .overlay = {}, .epoch = kEpoch},
              {});

  for (const char* folder : {"run", "dev", "boot", "usr/local", "oem", "proc", "sys"}) {
    const auto status = status_of(tree.path(folder));
    EXPECT_EQ(status.st_mode & 07777, 0555U) << folder;
    EXPECT_EQ(status.st_mtim.tv_sec, kEpoch) << folder;
  }
  EXPECT_EQ(status_of(tree.path("tmp")).st_mode & 07777, 01777U);
}

TEST(FinishTree, LeavesTheModesOfFoldersThatAreThere) {
  TempTree tree;
  tree.folder("boot").folder("tmp");
  std::filesystem::permissions(tree.path("boot"), std::filesystem::perms(0700));
  std::filesystem::permissions(tree.path("tmp"), std::filesystem::perms(0755));

  finish_tree(tree.path(), {.os_release = {}, .kairos_release = {}, .overlay = {}, .epoch = kEpoch},
              {});

  EXPECT_EQ(status_of(tree.path("boot")).st_mode & 07777, 0700U);
  EXPECT_EQ(status_of(tree.path("tmp")).st_mode & 07777, 01777U);
}

TEST(FinishTree, WritesReleaseFilesWhereTheirLinksLeadInside) {
  TempTree tree;
  tree.file("usr/lib/os-release", "old").link("etc/os-release", "/usr/lib/os-release");
  set_date(tree.path("usr/lib"), 1600000000);

  finish_tree(tree.path(),
              {.os_release = "ID=new\n", .kairos_release = "A=1\n", .overlay = {}, .epoch = kEpoch},
              {});

  EXPECT_EQ(tree.content("usr/lib/os-release"), "ID=new\n");
  EXPECT_TRUE(std::filesystem::is_symlink(tree.path("etc/os-release")));
  EXPECT_EQ(tree.content("etc/kairos-release"), "A=1\n");
  EXPECT_EQ(status_of(tree.path("etc/kairos-release")).st_mtim.tv_sec, kEpoch);
  EXPECT_EQ(status_of(tree.path("usr/lib")).st_mtim.tv_sec, 1600000000);
}

TEST(FinishTree, Case165DoesNotFollowALinkOutOfTheRoot) {
  TempTree outside;
  outside.file("victim", "untouched");
  TempTree tree;
  tree.link("etc/os-release", outside.path("victim").string())
      .link("usr/lib", outside.path().string());
  TempTree overlay;
  overlay.file("usr/lib/victim", "overlaid");

  auto options = with_overlay(overlay);
  options.os_release = "ID=new\n";
  finish_tree(tree.path(), options, {});

  EXPECT_EQ(outside.content("victim"), "untouched");
  EXPECT_EQ(tree.content("etc/os-release"), "ID=new\n");
  EXPECT_EQ(tree.content("usr/lib/victim"), "overlaid");
}

TEST(FinishTree, LaysTheOverlayThroughTheImagesOwnLinks) {
  TempTree tree;
  tree.file("usr/bin/tool", "old").file("usr/bin/other", "stays").link("bin", "usr/bin");
  TempTree overlay;
  overlay.file("bin/tool", "new").link("etc/alias", "/bin/tool").folder("etc/empty");

  finish_tree(tree.path(), with_overlay(overlay), {});

  EXPECT_EQ(tree.content("usr/bin/tool"), "new");
  EXPECT_EQ(tree.content("usr/bin/other"), "stays");
  EXPECT_TRUE(std::filesystem::is_symlink(tree.path("bin")));
  EXPECT_EQ(std::filesystem::read_symlink(tree.path("etc/alias")), "/bin/tool");
  EXPECT_TRUE(std::filesystem::is_directory(tree.path("etc/empty")));
}

TEST(FinishTree, KeepsModesDatesAndXattrsOfTheOverlay) {
  TempTree tree;
  tree.folder("etc");
  TempTree overlay;
  overlay.file("etc/secret").link("etc/link", "secret").folder("srv/data");
  std::filesystem::permissions(overlay.path("etc/secret"), std::filesystem::perms(04600));
  std::filesystem::permissions(overlay.path("srv/data"), std::filesystem::perms(0711));
  const bool has_xattrs =
      ::setxattr(overlay.path("etc/secret").c_str(), "user.color", "r\0d", 3, 0) == 0;
  for (const char* name : {"etc/secret", "etc/link", "srv/data"}) {
    set_date(overlay.path(name), 1500000000);
  }

  finish_tree(tree.path(), with_overlay(overlay), {});

  EXPECT_EQ(status_of(tree.path("etc/secret")).st_mode & 07777, 04600U);
  EXPECT_EQ(status_of(tree.path("srv/data")).st_mode & 07777, 0711U);
  for (const char* name : {"etc/secret", "etc/link", "srv/data"}) {
    EXPECT_EQ(status_of(tree.path(name)).st_mtim.tv_sec, 1500000000) << name;
  }
  if (!has_xattrs) GTEST_SKIP() << "no user xattrs on this file system";
  std::array<char, 8> value{};
  ASSERT_EQ(::getxattr(tree.path("etc/secret").c_str(), "user.color", value.data(), value.size()),
            3);
  EXPECT_EQ(std::string(value.data(), 3), std::string("r\0d", 3));
}

TEST(FinishTree, KeepsOwnersAndGivesTheRootNothingOfTheOverlaysTop) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  TempTree tree;
  std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
  TempTree overlay;
  overlay.file("etc/mine");
  ASSERT_EQ(::lchown(overlay.path("etc/mine").c_str(), 1234, 5678), 0);

  finish_tree(tree.path(), with_overlay(overlay), {});

  EXPECT_EQ(status_of(tree.path("etc/mine")).st_uid, 1234U);
  EXPECT_EQ(status_of(tree.path("etc/mine")).st_gid, 5678U);
  EXPECT_EQ(status_of(tree.path()).st_mode & 07777, 0755U);
}

TEST(FinishTree, RefusesAFileOverAFolder) {
  TempTree tree;
  tree.file("etc/conf.d/a");
  TempTree overlay;
  overlay.file("etc/conf.d");

  try {
    finish_tree(tree.path(), with_overlay(overlay), {});
    FAIL() << "laid a file over a folder";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
    EXPECT_THAT(error.facts().what, testing::HasSubstr("conf.d"));
  }
  EXPECT_TRUE(std::filesystem::exists(tree.path("etc/conf.d/a")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(tree.path("etc")), {}), 1);
}

TEST(FinishTree, StopsWhenTold) {
  const TempTree tree;
  TempTree overlay;
  overlay.file("a");
  std::stop_source source;
  source.request_stop();

  EXPECT_THROW(finish_tree(tree.path(), with_overlay(overlay), source.get_token()), base::Error);
}
