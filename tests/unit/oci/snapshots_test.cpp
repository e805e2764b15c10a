// SPDX-License-Identifier: Apache-2.0
#include "oci/snapshots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "oci/copy_tree.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/packing.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using oci::SnapshotKind;
using testing::HasSubstr;
using tests::device;
using tests::file;
using tests::folder;
using tests::hardlink;
using tests::soft_link;
using tests::zoo_tar;

/// Runs in a mount namespace of its own, as the program does.
bool enter_mount_namespace() {
  static const bool entered = ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return entered;
}

tests::ZooEntry with(tests::ZooEntry entry, std::uint32_t mode, std::uint32_t uid,
                     std::vector<std::pair<std::string, std::string>> pax = {}) {
  entry.mode = mode;
  entry.uid = uid;
  entry.pax = std::move(pax);
  return entry;
}

/// Everything that could come out differently in the two kinds.
std::vector<std::string> many_features() {
  return {
      zoo_tar({with(folder("./"), 0711, 3, {{"SCHILY.xattr.user.root", "r"}}),
               folder("etc"),
               file("etc/passwd", "root"),
               folder("usr/lib"),
               soft_link("lib", "usr/lib"),
               file("usr/lib/a", "old"),
               file("usr/lib/b", "old"),
               folder("opaque"),
               file("opaque/one"),
               folder("opaque/sub"),
               file("opaque/sub/two"),
               folder("gone"),
               file("gone/x"),
               file("gone/deep/y"),
               file("hard/a", "shared"),
               hardlink("hard/b", "hard/a"),
               with(file("suid"), 06755, 7),
               device("dev/null", 1, 3),
               folder("replaced"),
               file("replaced/x"),
               file("becomes-folder", "old"),
               with(folder("stale"), 0700, 9, {{"SCHILY.xattr.user.old", "1"}})}),
      zoo_tar({file("lib/c"), file("lib/.wh.a", ""), file("opaque/.wh..wh..opq", ""),
               file("opaque/three"), file(".wh.gone", ""), hardlink("hard/c", "usr/lib/b"),
               soft_link("replaced", "etc"), with(folder("stale"), 01777, 0),
               file("becomes-folder/x"), file("later/whiteout"), file(".wh.later", ""),
               with(file("cap"), 0755, 0, {{"SCHILY.xattr.user.c", std::string("\0\1", 2)}})}),
      zoo_tar({file("gone/again"), file("etc/passwd", "changed"), file("hard/.wh.a", ""),
               file("replaced/hosts"), file("opaque/.wh.three", ""), file("opaque/sub/four"),
               with(file("late.sparse"), 0600, 1)}),
      zoo_tar({}),
      zoo_tar(
          {with(folder("."), 0755, 0), file(".wh.dev", ""), file(".wh.etc", ""), file("etc/new")}),
  };
}

class SnapshotsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!enter_mount_namespace()) GTEST_SKIP() << "needs root and a mount namespace";
    if (const auto why = oci::overlay_obstacle(store_)) GTEST_SKIP() << *why;
  }

  oci::Tree unpack(const tests::MadeImage& image, SnapshotKind kind) {
    return oci::unpack_image(store_, image.manifest, image.config, kind, context_);
  }
  /// An image of one layer, whose blob need not be what its tar says.
  tests::MadeImage image_of(const std::string& tar, const std::string& packed) {
    auto image = tests::make_image(store_, {tar});
    image.manifest.layers.at(0).digest = store_.put_blob(packed);
    image.manifest.layers.at(0).size = packed.size();
    return image;
  }
  /// Below the one that the store has for itself.
  [[nodiscard]] std::size_t temporary_folders() const {
    std::size_t folders = 0;
    for (auto at = fs::recursive_directory_iterator(store_.root() / "tmp");
         at != fs::recursive_directory_iterator(); ++at) {
      folders += at.depth() > 0 && at->is_directory() ? 1 : 0;
    }
    return folders;
  }
  [[nodiscard]] std::vector<std::string> in(const char* part) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(store_.root() / part)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  [[nodiscard]] base::Error error_of(const tests::MadeImage& image, SnapshotKind kind) {
    try {
      static_cast<void>(unpack(image, kind));
    } catch (const base::Error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return base::Error({});
  }

  base::TempDir folder_{base::temp_root(), "snapshots_test"};
  oci::Store store_{folder_.path() / "store"};
  std::uint64_t passed_ = 0;
  std::vector<std::string> warnings_;
  oci::UnpackContext context_{
      .options = {},
      .progress = [this](std::uint64_t bytes) { passed_ += bytes; },
      .warn = [this](std::string text) { warnings_.push_back(std::move(text)); },
      .stop = {}};
};

}  // namespace

TEST(ChainIds, FollowTheSpecification) {
  const auto a = oci::Digest::of("a");
  const auto b = oci::Digest::of("b");

  const auto ids = oci::chain_ids({a, b});

  EXPECT_EQ(ids.at(0), a);
  EXPECT_EQ(ids.at(1), oci::Digest::of(a.text() + " " + b.text()));
}

TEST_F(SnapshotsTest, BothKindsGiveTheSameTree) {
  const auto image = tests::make_image(store_, many_features());

  const auto overlay = unpack(image, SnapshotKind::kOverlay);
  const auto directory = unpack(image, SnapshotKind::kDirectory);

  const auto listing = tests::list_tree(directory.path());
  EXPECT_EQ(tests::list_tree(overlay.path()), listing);
  EXPECT_THAT(listing, HasSubstr("etc/new"));
  EXPECT_EQ(listing.find("etc/passwd"), std::string::npos);
  EXPECT_EQ(listing.find(".wh."), std::string::npos);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(SnapshotsTest, EveryPrefixOfTheLayersIsTheSameInBothKinds) {
  std::vector<std::string> tars;
  for (const auto& tar : many_features()) {
    tars.push_back(tar);
    const auto image = tests::make_image(store_, tars);
    EXPECT_EQ(tests::list_tree(unpack(image, SnapshotKind::kOverlay).path()),
              tests::list_tree(unpack(image, SnapshotKind::kDirectory).path()))
        << tars.size() << " layers";
  }
}

TEST_F(SnapshotsTest, ReportsEveryCompressedByteOnce) {
  const auto image = tests::make_image(store_, many_features());
  std::uint64_t total = 0;
  for (const auto& layer : image.manifest.layers) total += layer.size;

  static_cast<void>(unpack(image, SnapshotKind::kOverlay));
  EXPECT_EQ(passed_, total);
  static_cast<void>(unpack(image, SnapshotKind::kOverlay));
  EXPECT_EQ(passed_, 2 * total);
}

TEST_F(SnapshotsTest, LayersAreUnpackedOnceAndShared) {
  auto tars = many_features();
  const auto first = tests::make_image(store_, tars);
  static_cast<void>(unpack(first, SnapshotKind::kOverlay));
  const auto before = in("snapshots").size();
  tars.back() = zoo_tar({file("other")});
  const auto second = tests::make_image(store_, tars);
  store_.remove_blob(second.manifest.layers.at(0).digest);  // Nobody needs it any more.

  const auto tree = unpack(second, SnapshotKind::kOverlay);

  EXPECT_EQ(in("snapshots").size(), before + 1);
  EXPECT_TRUE(fs::exists(tree.path() / "other"));
}

TEST_F(SnapshotsTest, StacksMoreThanAHundredLayers) {
  std::vector<std::string> tars;
  for (int i = 0; i < 110; ++i) {
    tars.push_back(zoo_tar({file("f" + std::to_string(i)), file("top", std::to_string(i))}));
  }
  const auto image = tests::make_image(store_, tars);

  const auto tree = unpack(image, SnapshotKind::kOverlay);

  EXPECT_EQ(tree.kind(), SnapshotKind::kOverlay);
  EXPECT_EQ(base::read_file(tree.path() / "top", 10), "109");
  EXPECT_TRUE(fs::exists(tree.path() / "f0"));
}

TEST_F(SnapshotsTest, AsManyLayersAsItSaysFitIntoOneMount) {
  std::vector<fs::path> lower;
  for (std::size_t i = 0; i < oci::kMaxOverlayLayers; ++i) {
    lower.push_back(folder_.path() / std::to_string(i));
    fs::create_directories(lower.back() / ("d" + std::to_string(i)));
  }
  for (const auto* name : {"upper", "work", "at"}) fs::create_directories(folder_.path() / name);

  const auto mount = oci::mount_overlay(
      {.lower = lower, .upper = folder_.path() / "upper", .work = folder_.path() / "work"},
      folder_.path() / "at");

  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path() / "at"), {}),
            static_cast<std::ptrdiff_t>(oci::kMaxOverlayLayers));
}

TEST_F(SnapshotsTest, TooManyLayersBecomeADirectoryAndSaySo) {
  std::vector<std::string> tars;
  for (std::size_t i = 0; i <= oci::kMaxOverlayLayers; ++i) {
    tars.push_back(zoo_tar({file("top", std::to_string(i))}));
  }

  const auto tree = unpack(tests::make_image(store_, tars), SnapshotKind::kOverlay);

  EXPECT_EQ(tree.kind(), SnapshotKind::kDirectory);
  EXPECT_EQ(base::read_file(tree.path() / "top", 10), "200");
  EXPECT_THAT(warnings_, testing::ElementsAre(HasSubstr("201 layers")));
}

TEST_F(SnapshotsTest, AnImageWithoutLayersIsAnEmptyTree) {
  const auto image = tests::make_image(store_, {});

  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    EXPECT_TRUE(fs::is_empty(unpack(image, kind).path()));
  }
}

TEST_F(SnapshotsTest, Case158EveryFrameOfAChunkedLayerIsRead) {
  const auto tar = zoo_tar({file("a", "1"), file("b", "2")});
  const std::string note("\x5e\x2a\x4d\x18\x04\0\0\0note", 12);
  const auto half = tar.size() / 2;
  const auto packed =
      note + tests::zstd(tar.substr(0, half)) + tests::zstd(tar.substr(half)) + note;

  const auto tree = unpack(image_of(tar, packed), SnapshotKind::kDirectory);

  EXPECT_EQ(base::read_file(tree.path() / "a", 10) + base::read_file(tree.path() / "b", 10), "12");
}

TEST_F(SnapshotsTest, Case159WhatFollowsTheEndOfATarCountsForItsDigest) {
  const auto tar = zoo_tar({file("f")}) + zoo_tar({file("hidden")}) + "garbage";

  const auto tree = unpack(image_of(tar, tests::gzip(tar)), SnapshotKind::kDirectory);
  const auto& cut = tar.substr(0, tar.size() - 7);

  EXPECT_TRUE(fs::exists(tree.path() / "f"));
  EXPECT_FALSE(fs::exists(tree.path() / "hidden"));
  EXPECT_EQ(error_of(image_of(cut, tests::gzip(tar)), SnapshotKind::kDirectory).code(),
            base::ErrorCode::kIntegrity);
  EXPECT_THAT(
      error_of(image_of(tar, tests::gzip(tar) + "garbage"), SnapshotKind::kDirectory).facts().why,
      HasSubstr("after the end"));
}

TEST_F(SnapshotsTest, Case160BytesSayHowTheyArePackedAndTheTypeDoesNot) {
  const auto tar = zoo_tar({file("f")});
  for (const auto& packed : {tar, tests::gzip(tar), tests::zstd(tar)}) {
    for (const auto type : {oci::media_type::kOciLayer, oci::media_type::kOciLayerGzip,
                            oci::media_type::kOciLayerZstd}) {
      auto image = image_of(tar, packed);
      image.manifest.layers.at(0).media_type = type;
      EXPECT_TRUE(fs::exists(unpack(image, SnapshotKind::kDirectory).path() / "f"));
    }
  }
  const std::string bzip2 = "BZh91AY&SY" + std::string(5000, 'x');
  EXPECT_EQ(error_of(image_of(bzip2, bzip2), SnapshotKind::kDirectory).code(),
            base::ErrorCode::kIntegrity);
}

TEST_F(SnapshotsTest, Case161ABombIsStoppedEarlyAndLeavesNothing) {
  const auto large = zoo_tar({file("zeros", std::string(8U << 20, '\0'))});
  std::vector<tests::ZooEntry> many;
  for (int i = 0; i < 2000; ++i) many.push_back(file("d/" + std::to_string(i), ""));
  context_.options.max_bytes = 4U << 20;
  context_.options.max_entries = 1000;
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    for (const auto& tar : {large, zoo_tar(many)}) {
      const auto error = error_of(image_of(tar, tests::gzip(tar)), kind);

      EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
      EXPECT_TRUE(in("snapshots").empty());
      EXPECT_EQ(temporary_folders(), 0U);
    }
  }
}

TEST_F(SnapshotsTest, Case161WhatUnpacksToTooManyTimesItsBytesIsStopped) {
  // 1 GiB is free of the check.
  const auto piece = tests::gzip(std::string(64U << 20, '\0'));
  auto packed = tests::gzip(tests::zoo_header({.name = "zeros", .claimed_size = 2ULL << 30}));
  for (int i = 0; i < 32; ++i) packed += piece;

  const auto error = error_of(image_of("", packed), SnapshotKind::kDirectory);

  EXPECT_THAT(error.facts().why, HasSubstr("over 200 times as much"));
  EXPECT_EQ(temporary_folders(), 0U);
}

TEST_F(SnapshotsTest, Case164ACutLayerIsAnErrorAndNothingIsMarkedComplete) {
  const auto tar = zoo_tar({file("f", std::string(100'000, 'x'))});
  const auto cut_tar = tar.substr(0, 50'000);
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    for (const auto& image :
         {image_of(tar, tests::gzip(tar).substr(0, 100)),
          image_of(tar, tests::zstd(tar).substr(0, 20)), image_of(cut_tar, tests::gzip(cut_tar))}) {
      EXPECT_EQ(error_of(image, kind).code(), base::ErrorCode::kIntegrity);
      EXPECT_TRUE(in("snapshots").empty());
    }
  }
}

TEST_F(SnapshotsTest, NobodyWritesIntoASharedTree) {
  for (const std::size_t layers : {1, 2}) {
    auto tars = many_features();
    tars.resize(layers);
    const auto tree = unpack(tests::make_image(store_, tars), SnapshotKind::kOverlay);

    std::ofstream out(tree.path() / "evil");
    EXPECT_FALSE(out.is_open());
  }
}

TEST_F(SnapshotsTest, Case245ACorruptBlobIsRemovedAndTheErrorSaysWhatToDo) {
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    const auto image = tests::make_image(store_, many_features());
    const auto& blob = image.manifest.layers.at(1);
    auto bytes = base::read_file(store_.blob_path(blob.digest), 1 << 20);
    bytes[bytes.size() / 2] ^= 4;
    std::ofstream(store_.blob_path(blob.digest)) << bytes;

    const auto error = error_of(image, kind);

    EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
    EXPECT_THAT(error.facts().what, HasSubstr("layer 2 of 5 (" + blob.digest.text()));
    EXPECT_THAT(error.facts().hint, HasSubstr("fetch it again"));
    EXPECT_FALSE(store_.contains(blob));
    EXPECT_LE(in("snapshots").size(), 1U) << "a snapshot of the corrupt layer is there";
  }
}

TEST_F(SnapshotsTest, AWrongDiffIdIsAnErrorAndTheBlobStays) {
  auto image = tests::make_image(store_, many_features());
  image.config.diff_ids.at(1) = oci::Digest::of("something else");

  const auto error = error_of(image, SnapshotKind::kOverlay);

  EXPECT_EQ(error.code(), base::ErrorCode::kIntegrity);
  EXPECT_THAT(error.facts().what, HasSubstr("layer 2 of 5"));
  EXPECT_TRUE(store_.contains(image.manifest.layers.at(1)));
  EXPECT_EQ(in("snapshots").size(), 1U);
}

TEST_F(SnapshotsTest, Case166RefusesLayersThatAreNoTars) {
  auto image = tests::make_image(store_, many_features());
  for (const auto* type :
       {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "application/x-unknown"}) {
    image.manifest.layers.at(0).media_type = type;

    const auto error = error_of(image, SnapshotKind::kDirectory);

    EXPECT_EQ(error.code(), base::ErrorCode::kUnsupported);
    EXPECT_THAT(error.facts().why, HasSubstr(type));
  }
}

TEST_F(SnapshotsTest, Case280ParallelProcessesUnpackOnceAndAgree) {
  const auto image = tests::make_image(store_, many_features());
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int result = 1;
      try {
        oci::Store mine(store_.root());
        const auto tree =
            oci::unpack_image(mine, image.manifest, image.config, SnapshotKind::kOverlay, context_);
        result = fs::exists(tree.path() / "etc/new") ? 0 : 2;
      } catch (const base::Error& error) {
        std::fputs(base::render(error).c_str(), stderr);
      }
      ::_exit(result);
    }
    children.push_back(child);
  }

  for (const auto child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(in("snapshots").size(), image.manifest.layers.size());
}

TEST_F(SnapshotsTest, Case238AKillInTheMiddleLeavesNothingHalf) {
  auto tars = many_features();
  const auto image = tests::make_image(store_, tars);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0) ::_exit(3);
    oci::Store mine(store_.root());
    auto context = context_;
    std::uint64_t seen = 0;
    context.progress = [&](std::uint64_t bytes) {
      seen += bytes;
      if (seen > image.manifest.layers.at(0).size) ::raise(SIGKILL);
    };
    static_cast<void>(
        oci::unpack_image(mine, image.manifest, image.config, SnapshotKind::kOverlay, context));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(in("snapshots").size(), 1U);

  oci::Store next(store_.root());
  const auto tree =
      oci::unpack_image(next, image.manifest, image.config, SnapshotKind::kOverlay, context_);

  EXPECT_EQ(tests::list_tree(tree.path()),
            tests::list_tree(unpack(image, SnapshotKind::kDirectory).path()));
}

TEST_F(SnapshotsTest, AMountThatAKilledProcessLeftInOurNamespaceDoesNotStopUs) {
  const pid_t child = ::fork();
  if (child == 0) {
    oci::Store mine(store_.root());
    const auto folder = mine.make_temp_dir("tree");
    auto mount = oci::mount_read_only(folder_.path(), folder.path());
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);

  EXPECT_NO_THROW(oci::Store next(store_.root()));

  for (const auto& session : in("tmp")) {
    if (!session.starts_with("session")) continue;
    for (const auto& entry : fs::directory_iterator(store_.root() / "tmp" / session)) {
      ::umount2(entry.path().c_str(), MNT_DETACH);
    }
  }
  const oci::Store after(store_.root());
  const auto left = in("tmp");
  EXPECT_EQ(std::count_if(left.begin(), left.end(),
                          [](const auto& name) { return name.starts_with("session"); }),
            2);
}

TEST_F(SnapshotsTest, Case239ASnapshotOfAnotherBootThatWasNeverSyncedIsMadeAgain) {
  const auto image = tests::make_image(store_, {zoo_tar({file("f")})});
  static_cast<void>(unpack(image, SnapshotKind::kOverlay));
  const auto snapshot = store_.root() / "snapshots" / in("snapshots").at(0);
  std::ofstream(snapshot / "fs/f") << "";  // What a power loss can leave.
  std::ofstream(snapshot / "finished") << "another boot\n";

  EXPECT_EQ(base::read_file(unpack(image, SnapshotKind::kOverlay).path() / "f", 10), "new");
}

TEST_F(SnapshotsTest, ChangesGoIntoTheirOwnFolderAndCanBeReopened) {
  const auto image = tests::make_image(store_, many_features());
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    SCOPED_TRACE(oci::name_of(kind));
    const auto work = store_.make_temp_dir("result");
    auto tree = oci::Tree::with_changes(store_, unpack(image, kind), work.path());
    std::ofstream(tree.path() / "etc/os-release") << "ID=kairos";
    fs::remove(tree.path() / "suid");
    const auto listing = tests::list_tree(tree.path());
    tree.finish();

    const auto again = oci::Tree::reopen(store_, work.path());

    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(tests::list_tree(again->path()), listing);
    EXPECT_THAT(listing, HasSubstr("ID=kairos"));
    EXPECT_EQ(listing.find("suid"), std::string::npos);
    EXPECT_TRUE(fs::exists(unpack(image, kind).path() / "suid")) << "the image was changed";
  }
}

TEST_F(SnapshotsTest, ChangesStackOnChanges) {
  const auto image = tests::make_image(store_, many_features());
  for (const auto kind : {SnapshotKind::kOverlay, SnapshotKind::kDirectory}) {
    SCOPED_TRACE(oci::name_of(kind));
    const auto first = store_.make_temp_dir("result");
    const auto second = store_.make_temp_dir("result");
    auto one = oci::Tree::with_changes(store_, unpack(image, kind), first.path());
    std::ofstream(one.path() / "one") << "1";
    const auto listing = tests::list_tree(one.path());
    one.finish();
    auto two =
        oci::Tree::with_changes(store_, *oci::Tree::reopen(store_, first.path()), second.path());
    EXPECT_EQ(tests::list_tree(two.path()), listing);
    std::ofstream(two.path() / "two") << "2";
    two.finish();

    const auto tree = oci::Tree::reopen(store_, second.path());

    EXPECT_TRUE(fs::exists(tree->path() / "one") && fs::exists(tree->path() / "two"));
    EXPECT_EQ(tests::list_tree(oci::Tree::reopen(store_, first.path())->path()), listing);
  }
}

TEST_F(SnapshotsTest, Case235AFullDiskIsSaidWithThePath) {
  const auto small = folder_.path() / "small";
  fs::create_directories(small);
  ASSERT_EQ(::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=512k"), 0);
  const oci::Mount mount(small);
  const auto image =
      tests::make_image(store_, {zoo_tar({file("dir/big", std::string(2 << 20, 'x'))})});
  const auto expect_full = [&small](const auto& action) {
    try {
      action();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kNoSpace) << base::render(error);
      EXPECT_THAT(error.facts().what,
                  testing::AnyOf(HasSubstr(small.string()), HasSubstr("dir/big")));
      EXPECT_NE(error.facts().hint, "");
    }
  };

  expect_full([&] { oci::unpack_into(store_, image.manifest, image.config, small, context_); });
  base::remove_tree(small / "dir");
  oci::Store full(small / "store");
  expect_full([&] { full.put_blob(std::string(2 << 20, 'y')); });
}

TEST(CopyTree, KeepsHolesLinksAndAttributes) {
  const base::TempDir folder(base::temp_root(), "copy_tree_test");
  const auto from = folder.path() / "from";
  const auto to = folder.path() / "to";
  fs::create_directories(from / "d/e");
  fs::create_directories(to);
  std::ofstream(from / "d/sparse").seekp(10'000'000) << "end";
  std::ofstream(from / "d/a") << "x";
  fs::create_hard_link(from / "d/a", from / "b");
  fs::create_symlink("/etc/passwd", from / "l");
  fs::permissions(from / "d/e", fs::perms::none);

  oci::copy_tree(from, to);

  EXPECT_EQ(tests::list_tree(to), tests::list_tree(from));
  struct stat status {};
  ASSERT_EQ(::stat((to / "d/sparse").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks, 64);
}

TEST_F(SnapshotsTest, ATreeWhoseSnapshotsArePrunedIsGone) {
  const auto image = tests::make_image(store_, many_features());
  const auto work = store_.make_temp_dir("result");
  auto tree = oci::Tree::with_changes(store_, unpack(image, SnapshotKind::kOverlay), work.path());
  EXPECT_FALSE(oci::Tree::reopen(store_, work.path())) << "it is not finished";
  tree.finish();
  store_.prune(true);

  EXPECT_FALSE(oci::Tree::reopen(store_, work.path()));
}

TEST_F(SnapshotsTest, StopsWhenToldTo) {
  const auto image = tests::make_image(store_, many_features());
  std::stop_source source;
  context_.stop = source.get_token();
  source.request_stop();

  EXPECT_EQ(error_of(image, SnapshotKind::kOverlay).code(), base::ErrorCode::kInterrupted);
  EXPECT_TRUE(in("snapshots").empty());
}

TEST_F(SnapshotsTest, Case285AreMadeLayerByLayerAsTheBlobsCome) {
  const auto image = tests::make_image(store_, many_features());
  std::vector<std::size_t> made_before;
  context_.ready = [&](const oci::Descriptor& blob, std::uint64_t offset, const std::stop_token&) {
    // The third comes once the first is stacked; the next is always waited for one ahead.
    const bool third =
        blob.digest == image.manifest.layers[2].digest && offset == 0 && made_before.empty();
    for (int i = 0; third && i < 500 && in("snapshots").empty(); ++i) ::usleep(10000);
    if (third) made_before.push_back(in("snapshots").size());
    return std::optional(oci::BlobArrival{.bytes = blob.size, .whole = true, .fetched = false});
  };

  oci::prepare_snapshots(store_, image.manifest, image.config, context_);

  ASSERT_EQ(made_before.size(), 1U);
  EXPECT_GE(made_before.front(), 1U);
  EXPECT_EQ(in("snapshots").size(), image.manifest.layers.size());
  passed_ = 0;
  const auto tree = unpack(image, SnapshotKind::kOverlay);
  EXPECT_EQ(in("snapshots").size(), image.manifest.layers.size()) << "they are found";
}

TEST_F(SnapshotsTest, ABlobThatWillNotComeEndsTheUnpackAndLeavesNothingHalf) {
  const auto image = tests::make_image(store_, many_features());
  context_.ready = [&](const oci::Descriptor& blob, std::uint64_t, const std::stop_token&) {
    const bool comes = blob.digest != image.manifest.layers[1].digest;
    return comes ? std::optional(
                       oci::BlobArrival{.bytes = blob.size, .whole = true, .fetched = false})
                 : std::nullopt;
  };

  const auto error = error_of(image, SnapshotKind::kOverlay);

  EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  EXPECT_LE(in("snapshots").size(), 1U);
}
