// SPDX-License-Identifier: Apache-2.0
#include "oci/layer_diff.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/copy_tree.hpp"
#include "oci/decompressor.hpp"
#include "oci/directory_index.hpp"
#include "oci/overlay_mount.hpp"
#include "oci/snapshots.hpp"
#include "tests/support/made_image.hpp"
#include "tests/support/tar_zoo.hpp"
#include "tests/support/tree_listing.hpp"

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using tests::file;
using tests::folder;
using tests::hardlink;
using tests::soft_link;

bool enter_mount_namespace() {
  static const bool entered = ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
                              ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return entered;
}

void write(const fs::path& path, const std::string& text) {
  base::write_file_atomically(path, text);
}

/// A bit of everything.
void change(const fs::path& root) {
  write(root / "new", "content");
  write(root / "etc/passwd", "changed");
  fs::remove(root / "gone");
  fs::remove_all(root / "opt");  // And again, so that it hides what was below it.
  fs::create_directories(root / "opt/other");
  write(root / "opt/other/c", "3");
  fs::remove(root / "lib");
  fs::create_directories(root / "lib");
  fs::create_hard_link(root / "new", root / "usr/lib/linked");
  fs::create_symlink("/etc/hosts", root / "etc/link");
  ASSERT_EQ(::mknod((root / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mkfifo((root / "fifo").c_str(), 0600), 0);
  ASSERT_EQ(::chmod((root / "etc/hosts").c_str(), 04711), 0);
  ASSERT_EQ(::lchown((root / "etc/hosts").c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod((root / "var/cache").c_str(), 01777), 0);
  ASSERT_EQ(::setxattr((root / "new").c_str(), "user.binary", "\0\1", 2, 0), 0);
  write(root / "etc/b\xff", "not UTF-8");
  ASSERT_EQ(::truncate((root / "etc/b\xff").c_str(), 3 << 20), 0);
  write(root / (std::string(120, 'd') + ".txt"), "long");
}

class LayerDiffTest : public testing::Test {
 protected:
  /// An image of one layer, its tree below merged(), ready to be changed.
  void SetUp() override {
    if (!enter_mount_namespace()) GTEST_SKIP() << "needs root and a mount namespace";
    for (const auto* name : {"lower", "upper", "work", "merged", "result", "probe"}) {
      fs::create_directories(folder_.path() / name);
    }
    if (const auto why = oci::overlay_obstacle(folder_.path() / "probe")) GTEST_SKIP() << *why;
    const auto image = tests::make_image(store_, {base_layer()});
    unpack(image.manifest, image.config, "lower");
    mount_ = oci::mount_overlay({.lower = {folder_.path() / "lower"},
                                 .upper = folder_.path() / "upper",
                                 .work = folder_.path() / "work"},
                                merged());
    manifest_ = image.manifest;
    config_ = image.config;
  }

  static std::string base_layer() {
    return tests::zoo_tar({folder("etc"), file("etc/passwd", "root"), file("etc/hosts", "h"),
                           folder("opt"), file("opt/a", "1"), folder("opt/sub"),
                           file("opt/sub/b", "2"), soft_link("lib", "usr/lib"), folder("usr/lib"),
                           file("hard/a", "shared"), hardlink("hard/b", "hard/a"), file("gone"),
                           folder("var/cache"), file("var/cache/x")});
  }
  [[nodiscard]] fs::path merged() const { return folder_.path() / "merged"; }

  oci::MadeLayer diff(std::optional<std::int64_t> epoch = std::nullopt) {
    const auto open = [&](const char* name) {
      return base::FileDescriptor(
          ::open((folder_.path() / name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    };
    const auto lower = open("lower");
    const auto upper = open("upper");
    return oci::make_layer(store_, packing_, [&](oci::TarStream& tar) {
      oci::write_upper(lower.get(), upper.get(), tar,
                       {.epoch = epoch,
                        .warn = [this](std::string text) { warnings_.push_back(std::move(text)); },
                        .stop = {}});
    });
  }

  void unpack(const oci::Manifest& manifest, const oci::ImageConfig& config, const char* into) {
    const oci::UnpackContext context{
        .options = {}, .progress = {}, .warn = [](const std::string&) {}, .stop = {}};
    oci::unpack_into(store_, manifest, config, folder_.path() / into, context);
  }

  /// The tree that the base and `layer` give when they are unpacked one after the other.
  std::string unpacked_with(const oci::MadeLayer& layer) {
    auto manifest = *manifest_;
    auto config = *config_;
    manifest.layers.push_back(layer.blob);
    config.diff_ids.push_back(layer.diff_id);
    unpack(manifest, config, "result");
    return tests::list_tree(folder_.path() / "result", /*with_times=*/false);
  }

  /// The entries of `layer`, in order.
  std::vector<std::string> names_of(const oci::MadeLayer& layer) {
    oci::FileSource blob(store_.open_blob(layer.blob.digest), "the layer");
    oci::Decompressor unpacked(blob, "the layer");
    oci::TarReader reader(unpacked, "the layer");
    std::vector<std::string> names;
    while (const auto entry = reader.next()) names.push_back(entry->path);
    return names;
  }

  base::TempDir folder_{base::temp_root(), "layer_diff_test"};
  oci::Store store_{folder_.path() / "store"};
  std::optional<oci::Manifest> manifest_;
  std::optional<oci::ImageConfig> config_;
  oci::Mount mount_;
  std::vector<std::string> warnings_;
  oci::LayerPacking packing_ = {.threads = 2};
};

}  // namespace

TEST_F(LayerDiffTest, WhatWasChangedIsThereAgainWhenTheLayerIsUnpacked) {
  change(merged());
  const auto wanted = tests::list_tree(merged(), /*with_times=*/false);
  mount_.unmount();

  EXPECT_EQ(unpacked_with(diff()), wanted);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(LayerDiffTest, ALayerIsTheSameWhicheverWayItIsCompressed) {
  change(merged());
  const auto wanted = tests::list_tree(merged(), /*with_times=*/false);
  mount_.unmount();
  const auto gzip = diff();
  packing_ = {.format = oci::LayerFormat::kZstd, .threads = 1};
  const auto zstd = diff();
  packing_.threads = 3;

  EXPECT_EQ(zstd.blob.media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
  EXPECT_EQ(zstd.diff_id, gzip.diff_id);
  EXPECT_EQ(diff().blob.digest, zstd.blob.digest) << "threads show";
  EXPECT_EQ(unpacked_with(zstd), wanted);
}

TEST_F(LayerDiffTest, ADirectoryChangedInPlaceGivesTheSameLayerAsAnOverlay) {
  constexpr std::int64_t kEpoch = 1'000'000'000;
  const auto copied = folder_.path() / "place";
  fs::create_directories(copied);
  oci::copy_tree(folder_.path() / "lower", copied);
  const base::FileDescriptor root(::open(copied.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto index = oci::DirectoryIndex::of(root.get(), {});
  oci::wait_for_clock();
  change(copied);
  const auto in_place = oci::make_layer(store_, {}, [&](oci::TarStream& tar) {
    oci::write_changes(root.get(), index, tar,
                       {.epoch = kEpoch, .warn = [](const std::string&) {}, .stop = {}});
  });

  change(merged());
  const auto wanted = tests::list_tree(merged(), /*with_times=*/false);
  mount_.unmount();

  EXPECT_EQ(names_of(in_place), names_of(diff(kEpoch)));
  EXPECT_EQ(in_place.diff_id, diff(kEpoch).diff_id);
  EXPECT_EQ(unpacked_with(in_place), wanted);
}

TEST_F(LayerDiffTest, ADirectoryThatWasNotTouchedGivesAnEmptyLayer) {
  const base::FileDescriptor root(
      ::open((folder_.path() / "lower").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto index = oci::DirectoryIndex::of(root.get(), {});

  const auto layer = oci::make_layer(store_, {}, [&](oci::TarStream& tar) {
    oci::write_changes(root.get(), index, tar,
                       {.epoch = {}, .warn = [](const std::string&) {}, .stop = {}});
  });

  EXPECT_THAT(names_of(layer), ElementsAre());
}

TEST_F(LayerDiffTest, NamesTheHiddenFirstAndTheRestInOrder) {
  const auto root = merged();
  fs::remove(root / "gone");
  fs::remove_all(root / "opt");
  fs::create_directories(root / "opt");
  write(root / "opt/z", "");
  fs::remove(root / "etc/hosts");
  write(root / "a", "");
  mount_.unmount();

  EXPECT_THAT(names_of(diff()), ElementsAre(".wh.gone", "a", "etc/", "etc/.wh.hosts", "opt/",
                                            "opt/.wh..wh..opq", "opt/z"));
}

TEST_F(LayerDiffTest, OnlyWhatChangedIsInIt) {
  mount_.unmount();

  EXPECT_THAT(names_of(diff()), ElementsAre());
}

TEST_F(LayerDiffTest, NothingIsYoungerThanTheEpochAndTheSameChangesGiveTheSameBytes) {
  write(merged() / "etc/new", "x");
  mount_.unmount();

  const auto one = diff(1'000'000'000);
  ASSERT_EQ(::utimensat(AT_FDCWD, (folder_.path() / "upper/etc/new").c_str(), nullptr, 0), 0);
  const auto two = diff(1'000'000'000);

  EXPECT_EQ(one.blob.digest, two.blob.digest);
  EXPECT_EQ(one.diff_id, two.diff_id);
}

TEST_F(LayerDiffTest, ASocketIsLeftOutWithAWarning) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (merged() / "s").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  base::FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  fd.reset();
  mount_.unmount();

  EXPECT_THAT(names_of(diff()), ElementsAre());
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("/s is a socket")));
}

TEST_F(LayerDiffTest, AnUpperFolderThatRefersToLowerNamesIsRefused) {
  fs::create_directories(folder_.path() / "upper/moved");
  ASSERT_EQ(
      ::setxattr((folder_.path() / "upper/moved").c_str(), "trusted.overlay.redirect", "etc", 3, 0),
      0);

  EXPECT_THROW(diff(), base::Error);
}
