// SPDX-License-Identifier: Apache-2.0
// Rows 167 to 177: what layers hide.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>

#include "oci/whiteouts.hpp"
#include "tests/support/layer_root.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

using testing::HasSubstr;
using tests::file;
using tests::folder;
using tests::soft_link;
using Layer = std::vector<tests::ZooEntry>;

class LayerWhiteouts : public testing::Test, protected tests::LayerRoot {
 protected:
  ~LayerWhiteouts() override { EXPECT_EQ(outside_state(), before_) << "the host was changed"; }

  /// The tree after `lower` and `upper`, which must not depend on the order in the upper layer.
  std::string in_any_order(const Layer& lower, Layer upper) {
    std::mt19937 random(1);
    std::string expected;
    for (int round = 0; round < 40; ++round) {
      clear();
      apply(lower);
      apply(upper);
      const auto listing = tests::list_tree(path(), /*with_times=*/false);
      if (round == 0) expected = listing;
      EXPECT_EQ(listing, expected) << "round " << round;
      std::shuffle(upper.begin(), upper.end(), random);
    }
    EXPECT_THAT(expected, testing::Not(HasSubstr(".wh.")));
    return expected;
  }

  std::string host_ = outside().string();
  std::string before_ = outside_state();
};

}  // namespace

TEST_F(LayerWhiteouts, Case167AWhiteoutRemovesJustWhatItNames) {
  apply({file("f"), folder("d"), file("d/x"), soft_link("l", "d"), file("g"), file("fg")});

  apply({file(".wh.f", ""), file(".wh.d", ""), file(".wh.l", "")});

  EXPECT_THAT(tests::list_tree(path(), false), testing::Not(HasSubstr(".wh.")));
  EXPECT_FALSE(exists("f") || exists("d") || exists("l"));
  EXPECT_TRUE(exists("g") && exists("fg"));
}

TEST_F(LayerWhiteouts, Case167TheTargetOfAHiddenSymlinkStays) {
  apply({folder("d"), file("d/x"), soft_link("l", "d")});

  apply({file(".wh.l", "")});

  EXPECT_TRUE(exists("d/x"));
  EXPECT_FALSE(exists("l"));
}

TEST_F(LayerWhiteouts, Case168AWhiteoutSparesWhatItsOwnLayerHas) {
  in_any_order({file("f", "old"), folder("e"), file("e/old", "old")},
               {file("f"), file(".wh.f", ""), file("e/deep/new"), file(".wh.e", "")});

  EXPECT_EQ(read("f"), "new");
  EXPECT_EQ(read("e/deep/new"), "new");
  EXPECT_FALSE(exists("e/old"));
}

TEST_F(LayerWhiteouts, Case169AnOpaqueFolderHidesWhatIsBelowWhereverTheMarkerStands) {
  in_any_order({folder("d"), file("d/old", "old"), folder("d/sub"), file("d/sub/old", "old")},
               {file("d/new"), file("d/sub/new"), file("d/.wh..wh..opq", "")});

  EXPECT_TRUE(exists("d/new") && exists("d/sub/new"));
  EXPECT_FALSE(exists("d/old") || exists("d/sub/old"));
}

TEST_F(LayerWhiteouts, Case169AnOpaqueRootHidesEverythingBelow) {
  apply({file("old"), folder("d"), file("d/old")});

  apply({file(".wh..wh..opq", ""), file("new")});

  EXPECT_TRUE(exists("new"));
  EXPECT_FALSE(exists("old") || exists("d"));
}

TEST_F(LayerWhiteouts, Case170WhiteoutsOfNothingAreRefused) {
  apply({file("f"), folder("d"), file("d/f")});
  const auto before = tests::list_tree(path());
  for (const auto* name : {".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh...", ".wh./"}) {
    EXPECT_THAT(reason_of({file(name, "")}), HasSubstr("whiteout of nothing")) << name;
  }
  EXPECT_EQ(tests::list_tree(path()), before);
}

TEST_F(LayerWhiteouts, Case171ParentsAreFollowedInsideTheRootOnly) {
  apply({soft_link("link", "/"), file("etc/x"), soft_link("out", host_),
         soft_link("dead", "/nowhere"), soft_link("up", "../../../.." + host_)});

  apply({file("link/.wh.etc", ""), file("out/.wh.etc", ""), file("out/etc/.wh..wh..opq", ""),
         file("up/.wh.etc", ""), file("dead/.wh.x", "")});

  EXPECT_FALSE(exists("etc"));
}

TEST_F(LayerWhiteouts, Case172AFolderNamedLikeAWhiteoutIsAFolder) {
  apply({file("etc/passwd", "old")});

  apply({file(".wh.etc/somefile")});

  EXPECT_EQ(read(".wh.etc/somefile"), "new");
  EXPECT_EQ(read("etc/passwd"), "old");
}

TEST_F(LayerWhiteouts, Case173AWhiteoutOfWhatIsNotThereIsNoError) {
  apply({file(".wh.missing", ""), file("no/such/.wh.thing", ""), file("no/.wh..wh..opq", "")});

  EXPECT_FALSE(exists("no"));
}

TEST_F(LayerWhiteouts, Case174WhatComesBackAfterAWhiteoutIsAllThereIs) {
  apply({folder("d"), file("d/a"), file("d/b")});
  apply({file(".wh.d", "")});
  apply({folder("d"), file("d/c")});

  EXPECT_FALSE(exists("d/a") || exists("d/b"));
  EXPECT_TRUE(exists("d/c"));
}

TEST_F(LayerWhiteouts, Case175FoldersThatAreMountPointsOnTheHostGoLikeOthers) {
  apply({folder("dev"), file("dev/x"), folder("proc"), file("proc/x"), folder("sys")});

  apply({file(".wh.dev", ""), file(".wh.proc", ""), file("sys/.wh..wh..opq", "")});

  EXPECT_FALSE(exists("dev") || exists("proc"));
  EXPECT_TRUE(std::filesystem::exists("/proc/self"));
}

TEST_F(LayerWhiteouts, Case176ADeviceIsNoWhiteout) {
  apply({file("f", "old")});

  EXPECT_THAT(reason_of({tests::device("f", 0, 0)}), HasSubstr("0:0"));

  EXPECT_EQ(read("f"), "old");
  options.skip_devices = true;
  apply({tests::device("f", 0, 0)});
  EXPECT_EQ(read("f"), "old");
  EXPECT_THAT(warnings, testing::ElementsAre(HasSubstr("device")));
}

TEST_F(LayerWhiteouts, Case177AWhiteoutBelowALinkedFolderHidesWhatIsBehindIt) {
  apply({folder("usr/lib"), file("usr/lib/x"), file("usr/lib/y"), soft_link("lib", "usr/lib")});

  apply({file("lib/.wh.x", "")});

  EXPECT_FALSE(exists("usr/lib/x"));
  EXPECT_TRUE(exists("usr/lib/y"));
  EXPECT_TRUE(S_ISLNK(status("lib").st_mode));
}

TEST_F(LayerWhiteouts, DeepTreesComeAndGo) {
  std::string deep = "d";
  while (deep.size() < 3500) deep += "/d";
  apply({file(deep + "/x")});

  apply({file(".wh.d", "")});

  EXPECT_FALSE(exists("d"));
}
