// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>
#include <stdexcept>

#include "base/error.hpp"
#include "tests/support/layer_root.hpp"
#include "tests/support/namespaces.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

using testing::HasSubstr;
using tests::device;
using tests::file;
using tests::folder;
using tests::soft_link;
using tests::ZooEntry;
using Layer = std::vector<ZooEntry>;

class LayerWriterTest : public testing::Test, protected tests::LayerRoot {
 protected:
  static constexpr uid_t kNobody = 65534;

  ~LayerWriterTest() override { EXPECT_EQ(outside_state(), before_) << "the host was changed"; }

  /// Does it in a child, which may give up what it has.
  static void in_child(const std::function<void()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        work();
      } catch (const base::Error& error) {
        std::fputs((base::render(error) + "\n").c_str(), stderr);
        ::_exit(1);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    int result = -1;
    ::waitpid(child, &result, 0);
    EXPECT_EQ(result, 0);
  }
  void as_nobody(const std::function<void()>& work) {
    ASSERT_EQ(::chown(path().c_str(), kNobody, kNobody), 0);
    in_child([&] {
      if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) throw std::runtime_error("setuid");
      work();
    });
  }

 private:
  std::string before_ = outside_state();
};

}  // namespace

TEST_F(LayerWriterTest, Case144Case145GivesExactModesOwnersAndTimesWhateverTheUmask) {
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

TEST_F(LayerWriterTest, Case145FoldersThatAreNotInTheLayerKeepTheirTimes) {
  auto lower = folder("d");
  lower.mtime = 7;
  apply({lower, file("d/gone")});

  apply({file("d/x"), file("d/.wh.gone", "")});

  EXPECT_EQ(status("d").st_mtim.tv_sec, 7);
}

TEST_F(LayerWriterTest, Case146Case147Case148TakesXattrsByItsPolicy) {
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

  const auto listing = tests::list_tree(path());
  EXPECT_THAT(listing, HasSubstr("security.capability=\\x01\\x00\\x00\\x02"));
  EXPECT_THAT(listing, HasSubstr("user.note=\\x00bin"));
  EXPECT_THAT(listing, testing::Not(HasSubstr("selinux")));
  EXPECT_THAT(listing, testing::Not(HasSubstr("overlay")));
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("overlay")));
}

TEST_F(LayerWriterTest, Case147ClearsXattrsThatALowerLayerGaveAFolder) {
  auto lower = folder("d");
  lower.pax = {{"SCHILY.xattr.user.old", "1"}, {"SCHILY.xattr.user.both", "1"}};
  auto upper = folder("d");
  upper.mode = 0700;
  upper.pax = {{"SCHILY.xattr.user.both", "2"}};
  apply({lower, file("d/x")});

  apply({upper});

  const auto listing = tests::list_tree(path() / "d");
  EXPECT_THAT(listing, HasSubstr("user.both=2"));
  EXPECT_THAT(listing, testing::Not(HasSubstr("user.old")));
  EXPECT_TRUE(exists("d/x"));
  EXPECT_EQ(status("d").st_mode, S_IFDIR | 0700U);
}

TEST_F(LayerWriterTest, Case149MakesDevicesAndFifosInTheirRange) {
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

TEST_F(LayerWriterTest, Case149LeavesDevicesOutWhenTold) {
  options.skip_devices = true;

  apply({device("null", 1, 3), file("f")});

  EXPECT_FALSE(exists("null"));
  EXPECT_TRUE(exists("f"));
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("null")));
}

TEST_F(LayerWriterTest, WithoutOwnersNeedsNoPrivilegeEvenForLockedFolders) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  options.keep_owners = false;
  auto locked = folder("locked");
  locked.mode = 0555;
  locked.uid = 4242;
  auto upper = file("locked/y");
  upper.uid = 4242;

  as_nobody([&] {
    apply({locked, file("locked/x")});
    apply({upper, file("locked/.wh.x", "")});
  });

  EXPECT_EQ(status("locked").st_mode, S_IFDIR | 0555U);
  EXPECT_EQ(read("locked/y"), "new");
  EXPECT_FALSE(exists("locked/x"));
  EXPECT_EQ(status("locked/y").st_uid, kNobody);
}

TEST_F(LayerWriterTest, Case149ADeviceThatMayNotBeMadeIsAnErrorUnlessDevicesAreLeftOut) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  options.keep_owners = false;

  as_nobody([&] {
    try {
      apply({device("null", 1, 3)});
      throw base::Error({});
    } catch (const base::Error& error) {
      if (error.facts().hint.find("--no-devices") == std::string::npos) throw;
    }
    options.skip_devices = true;
    apply({device("null", 1, 3), file("f")});
  });

  EXPECT_FALSE(exists("null"));
  EXPECT_TRUE(exists("f"));
}

TEST_F(LayerWriterTest, OwnersThatAUserNamespaceDoesNotKnowStayWithRootAndAreToldOfOnce) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  auto known = file("known");
  known.uid = 7;
  auto half = file("half");
  half.uid = 5000;
  half.gid = 7;
  auto acl = file("acl");  // user::rw-,user:5000:r--,group::r--,mask::r--,other::r--
  acl.pax = {
      {"SCHILY.xattr.system.posix_acl_access",
       std::string("\2\0\0\0\1\0\6\0\377\377\377\377\2\0\4\0\x88\x13\0\0\4\0\4\0\377\377\377\377"
                   "\20\0\4\0\377\377\377\377\40\0\4\0\377\377\377\377",
                   44)}};

  in_child([&] {
    tests::enter_user_namespace("0 0 1000");
    apply({known, half, acl});
    if (warnings.size() != 2) throw std::runtime_error("it warned otherwise than it should");
  });

  EXPECT_EQ(status("known").st_uid, 7U);
  EXPECT_EQ(status("half").st_uid, 0U);
  EXPECT_EQ(status("half").st_gid, 7U);
}

TEST_F(LayerWriterTest, Case146AFileSystemWithoutXattrsIsToldOfOnce) {
  in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", path().c_str(), "ramfs", 0, nullptr) != 0) {
      return;  // Nothing may be mounted here.
    }
    open_root();
    auto one = file("one");
    one.pax = {{"SCHILY.xattr.user.note", "x"}};
    auto two = file("two");
    two.pax = one.pax;
    apply({one, two});
    if (warnings.size() != 1 || warnings[0].find("has no such attributes") == std::string::npos) {
      throw std::runtime_error("it warned otherwise than it should");
    }
  });
}

TEST_F(LayerWriterTest, SaysThatAFileSystemHasNoRoomForALargeAttribute) {
  auto large = file("large");
  large.pax = {{"SCHILY.xattr.user.large", std::string(60000, 'x')}};
  try {
    apply({large});
    GTEST_SKIP() << "this file system takes it";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace);
    EXPECT_NE(base::render(error).find("it has 60000 bytes"), std::string::npos)
        << base::render(error);
  }
}

TEST_F(LayerWriterTest, Case147AnAccessListIsSetOnWhatItNamesAndNotThroughASymlink) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string list(
      "\2\0\0\0\1\0\6\0\377\377\377\377\4\0\4\0\377\377\377\377\40\0\4\0\377\377\377\377", 28);
  auto plain = file("plain");
  plain.pax = {{"SCHILY.xattr.system.posix_acl_access", list}};
  auto link = soft_link("link", (outside() / "etc/passwd").string());
  link.pax = plain.pax;

  apply({plain, link});  // The fixture looks whether the host's file has changed.

  EXPECT_EQ(status("plain").st_mode, S_IFREG | 0644U);
  EXPECT_TRUE(S_ISLNK(status("link").st_mode));
  EXPECT_EQ(warnings.size(), 1U);
}

TEST_F(LayerWriterTest, Case154KeepsHolesAndCountsThem) {
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
  std::ifstream in(path() / "sparse");
  in.seekg(10'000'000);
  std::string text(5, '\0');
  in.read(text.data(), 5);
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(usage.bytes, 20'000'000U);
  options.max_bytes = 30'000'000;
  EXPECT_THAT(reason_of({entry}), HasSubstr("30000000 bytes"));
}

TEST_F(LayerWriterTest, Case161StopsAtItsLimits) {
  options.max_bytes = 1000;
  options.max_entries = 5;

  EXPECT_THAT(reason_of({file("a", std::string(600, 'x')), file("b", std::string(600, 'x'))}),
              HasSubstr("1000 bytes"));
  usage = {};
  EXPECT_THAT(reason_of({file("a"), file("b"), file("c"), file("d"), file("e"), file("f")}),
              HasSubstr("5 entries"));
}

TEST_F(LayerWriterTest, Case161FoldersThatNamesImplyCountAsEntries) {
  options.max_entries = 50;
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += "d/";

  EXPECT_THAT(reason_of({file(deep + "x")}), HasSubstr("50 entries"));
}

TEST_F(LayerWriterTest, Case162ADeepNameCostsNoMoreThanItsFolders) {
  const auto cost_of = [this](int entries, int folders) {
    Layer layer;
    for (int i = 0; i < entries; ++i) {
      auto name = std::to_string(i);
      for (int depth = 0; depth < folders; ++depth) name += "/d";
      layer.push_back(file(name + "/x"));
    }
    clear();
    const auto tar = tests::zoo_tar(layer);
    const auto begin = ::clock();
    apply_bytes(tar);
    return ::clock() - begin;
  };

  const auto shallow = cost_of(80, 20);
  const auto deep = cost_of(1, 1600);  // As many folders.

  EXPECT_LT(deep, 20 * shallow + CLOCKS_PER_SEC / 20) << shallow << " and " << deep;
}

TEST_F(LayerWriterTest, Case162SymlinksMakeNoDeeperTreesThanNamesCan) {
  std::string name;
  while (name.size() < 3000) name += "d/";
  Layer layer = {folder(name)};
  for (int i = 0; i < 5; ++i) {
    const auto link = "l" + std::to_string(i);
    layer.push_back(soft_link(link, i == 0 ? name : "l" + std::to_string(i - 1) + "/" + name));
    layer.push_back(folder(link + "/" + name));
  }

  EXPECT_THAT(reason_of(layer), HasSubstr("too deep"));
}

TEST_F(LayerWriterTest, SaysWhichNameIsTooLong) {
  EXPECT_THAT(reason_of({file(std::string(300, 'n'))}), HasSubstr("too long"));
  EXPECT_THAT(reason_of({file(std::string(300, 'n') + "/x")}), HasSubstr("too long"));
}
