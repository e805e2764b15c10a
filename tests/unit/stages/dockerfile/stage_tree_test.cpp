// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/stage_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "oci/folder_attributes.hpp"
#include "oci/snapshots.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using oci::SnapshotKind;
using stages::dockerfile::ImageDraft;
using stages::dockerfile::make_stage_tree;
using stages::dockerfile::StageTree;

constexpr std::int64_t kEpoch = 1'600'000'000;

/// Runs in a mount namespace of its own, as the program does.
bool enter_mount_namespace() {
  static const bool entered = ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return entered;
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

class StageTreeInStore : public testing::Test {
 protected:
  void SetUp() override {
    if (!enter_mount_namespace()) GTEST_SKIP() << "needs root and a mount namespace";
    if (const auto why = oci::overlay_obstacle(store_)) GTEST_SKIP() << *why;
    const auto image = tests::make_image(
        store_, {tests::zoo_tar({tests::folder("etc"), tests::file("etc/passwd", "root"),
                                 tests::folder("old"), tests::file("old/x", "x")})});
    const auto config = store_.read_blob(image.manifest.config.digest, 1U << 20).value();
    draft_.emplace(config, image.manifest);
  }

  std::unique_ptr<StageTree> make(SnapshotKind kind) {
    auto tree =
        make_stage_tree(store_, kind,
                        {.epoch = kEpoch,
                         .packing = {.threads = 2},
                         .unpack = {.options = {}, .progress = {}, .warn = {}, .stop = {}}});
    tree->catch_up(*draft_);
    return tree;
  }
  void add(const std::optional<oci::MadeLayer>& layer) {
    ASSERT_TRUE(layer);
    draft_->add_layer(*layer, "RUN x", kEpoch);
  }

  base::TempDir folder_{base::temp_root(), "stage-tree"};
  oci::Store store_{folder_.path() / "store"};
  std::optional<ImageDraft> draft_;
};

class StageTreeTest : public StageTreeInStore, public testing::WithParamInterface<SnapshotKind> {
 protected:
  std::unique_ptr<StageTree> make() { return StageTreeInStore::make(GetParam()); }
};

TEST_P(StageTreeTest, MakesALayerOfWhatAStepChanged) {
  const auto tree = make();

  const auto root = tree->begin_step();
  write(root / "etc/new", "1");
  fs::remove_all(root / "old");
  const auto layer = tree->end_step();

  add(layer);
  EXPECT_FALSE(fs::exists(tree->files() / "old"));
  EXPECT_TRUE(fs::exists(tree->files() / "etc/new"));
  EXPECT_TRUE(store_.contains(layer->blob));
}

TEST_P(StageTreeTest, MakesNothingOfAStepThatChangesNothing) {
  const auto tree = make();

  static_cast<void>(tree->begin_step());

  EXPECT_FALSE(tree->end_step());
}

TEST_P(StageTreeTest, UnpacksToWhatItHas) {
  const auto tree = make();
  for (const auto* name : {"a", "b"}) {
    const auto root = tree->begin_step();
    fs::create_directories(root / "made");
    write(root / "made" / name, name);
    add(tree->end_step());
  }

  auto folder = store_.make_temp_dir("unpacked");
  oci::make_root_folder(folder.path() / "fs");
  oci::unpack_into(store_, draft_->manifest(), draft_->image_config(), folder.path() / "fs",
                   {.options = {}, .progress = {}, .warn = {}, .stop = {}});

  EXPECT_EQ(tests::list_tree(folder.path() / "fs", GetParam() == SnapshotKind::kOverlay),
            tests::list_tree(tree->files(), GetParam() == SnapshotKind::kOverlay));
}

TEST_P(StageTreeTest, CatchesUpWithALayerThatAnotherMade) {
  const auto first = make();
  const auto second = make();
  write(first->begin_step() / "x", "1");
  add(first->end_step());

  second->catch_up(*draft_);

  EXPECT_TRUE(fs::exists(second->files() / "x"));
  EXPECT_TRUE(fs::exists(second->begin_step() / "x"));
  EXPECT_FALSE(second->end_step());
}

TEST_P(StageTreeTest, CopiesLeaveEachOtherAlone) {
  const auto first = make();
  const auto second = first->copy();

  write(second->begin_step() / "x", "1");
  ASSERT_TRUE(second->end_step());

  EXPECT_FALSE(fs::exists(first->files() / "x"));
  EXPECT_TRUE(fs::exists(second->files() / "etc/passwd"));
}

TEST_P(StageTreeTest, StartsFromNothing) {
  draft_.emplace(oci::Platform{.os = "linux", .architecture = "amd64", .variant = ""});
  const auto tree = make();
  EXPECT_TRUE(fs::is_empty(tree->files()));

  write(tree->begin_step() / "x", "1");
  add(tree->end_step());

  EXPECT_TRUE(fs::exists(tree->files() / "x"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, StageTreeTest,
                         testing::Values(SnapshotKind::kOverlay, SnapshotKind::kDirectory),
                         [](const auto& kind) { return std::string(oci::name_of(kind.param)); });

TEST_F(StageTreeInStore, MakesTheSameLayersInBothKinds) {
  std::vector<oci::Digest> made;
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    const auto tree = make(kind);
    const auto root = tree->begin_step();
    write(root / "etc/new", "1");
    fs::remove(root / "old/x");
    fs::create_directories(root / "deep/er");
    fs::create_hard_link(root / "etc/new", root / "deep/link");
    ASSERT_EQ(::chown((root / "etc/passwd").c_str(), 5, 5), 0);
    const auto layer = tree->end_step();
    ASSERT_TRUE(layer);
    made.push_back(layer->blob.digest);
  }

  EXPECT_EQ(made[0], made[1]);
}

TEST_F(StageTreeInStore, AChangedNameOfALinkedFileChangesThemAllInBothKinds) {
  const auto image = tests::make_image(
      store_, {tests::zoo_tar({tests::folder("a"), tests::file("a/one", "shared"),
                               tests::hardlink("a/two", "a/one"), tests::folder("b"),
                               tests::hardlink("b/three", "a/one"), tests::file("alone", "x")})});
  const auto config = store_.read_blob(image.manifest.config.digest, 1U << 20).value();
  using Change = void (*)(const fs::path&);
  const std::pair<const char*, Change> changes[] = {
      {"written to",
       [](const fs::path& root) { std::ofstream(root / "a/two", std::ios::app) << "+"; }},
      {"mode", [](const fs::path& root) { fs::permissions(root / "b/three", fs::perms(0600)); }},
      {"removed", [](const fs::path& root) { fs::remove(root / "a/one"); }},
      {"linked", [](const fs::path& root) { fs::create_hard_link(root / "a/one", root / "new"); }},
      {"moved", [](const fs::path& root) { fs::rename(root / "a/one", root / "moved"); }},
      {"replaced",
       [](const fs::path& root) {
         fs::remove(root / "a/two");
         write(root / "a/two", "another");
       }},
      {"folder removed", [](const fs::path& root) { fs::remove_all(root / "b"); }},
      {"all", [](const fs::path& root) {
         fs::remove_all(root / "a");
         write(root / "b/three", "rewritten");
       }}};
  for (const auto& [name, change] : changes) {
    std::vector<std::string> seen;
    std::vector<std::string> made;
    for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
      draft_.emplace(config, image.manifest);
      const auto tree = make(kind);
      change(tree->begin_step());
      const auto layer = tree->end_step();
      ASSERT_TRUE(layer) << name;
      made.push_back(layer->blob.digest.text());
      add(layer);
      seen.push_back(tests::list_tree(tree->files(), false));
    }
    EXPECT_EQ(made[0], made[1]) << name;
    EXPECT_EQ(seen[0], seen[1]) << name;
  }
}

TEST_F(StageTreeInStore, KeepsTheUpperFolderAsTheSnapshotOfItsLayer) {
  const auto tree = make(SnapshotKind::kOverlay);
  write(tree->begin_step() / "x", "1");
  const auto layer = tree->end_step();
  add(layer);
  store_.remove_blob(layer->blob.digest);

  // Nobody can unpack that layer any more, and nobody needs to.
  const auto unpacked =
      oci::unpack_image(store_, draft_->manifest(), draft_->image_config(), SnapshotKind::kOverlay,
                        {.options = {}, .progress = {}, .warn = {}, .stop = {}});

  EXPECT_TRUE(fs::exists(unpacked.path() / "x"));
  EXPECT_EQ(fs::last_write_time(unpacked.path() / "x"),
            fs::file_time_type(std::chrono::file_clock::from_sys(
                std::chrono::sys_seconds(std::chrono::seconds(kEpoch)))));
}

}  // namespace
