// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_iso.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.hpp"
#include "stages/disk_bytes.hpp"
#include "stages/efi_image.hpp"
#include "stages/uki/boot_folder.hpp"
#include "tests/support/made_uki.hpp"
#include "tests/unit/stages/temp_tree.hpp"

namespace {

using stages::uki::UkiIsoContents;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kEpoch = 1700000000;

class UkiIso : public testing::Test {
 protected:
  void SetUp() override {
    boot.file("EFI/kairos/norole.efi", std::string(3000000, 'k')).file("loader/loader.conf", "x");
  }

  std::filesystem::path make(const std::string& name = "out.iso",
                             const std::function<void(UkiIsoContents&)>& change = {}) {
    UkiIsoContents contents{.boot_folder = boot.path(),
                            .cloud_config = {},
                            .overlay = {},
                            .epoch = kEpoch,
                            .work = work.path()};
    if (change) change(contents);
    stages::uki::make_uki_iso(runner, contents, work.path(name), {});
    return work.path(name);
  }

  std::string problem(const std::filesystem::path& iso) {
    try {
      stages::uki::check_uki_iso(runner, iso, boot.path(), work.path(), {});
    } catch (const base::Error& error) {
      return error.facts().why;
    }
    return "none";
  }

  void overwrite(const std::filesystem::path& iso, std::uint64_t offset, std::string_view bytes) {
    std::fstream file(iso, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  base::SystemProcessRunner runner;
  TempTree boot;
  TempTree work;
};

TEST_F(UkiIso, HoldsTheFilesOfItsFolder) { EXPECT_EQ(problem(make()), "none"); }

TEST_F(UkiIso, IsTheSameForTheSameContents) {
  make("one.iso");
  boot.file("loader/loader.conf", "x");  // Younger now.
  make("two.iso");

  EXPECT_EQ(work.content("one.iso"), work.content("two.iso"));
}

TEST_F(UkiIso, TakesAFolderWhoseNameXorrisoWouldRead) {
  TempTree overlay;
  overlay.file("a=b\\c/name", "over");

  const auto iso =
      make("out.iso", [&](UkiIsoContents& contents) { contents.overlay = overlay.path("a=b\\c"); });

  EXPECT_EQ(problem(iso), "none");
  EXPECT_NE(work.content("out.iso").find("over"), std::string::npos);
}

// Firmware tells FAT16 and FAT32 apart by the number of clusters alone: 65,525 are the fewest.
TEST(Fat32, HasClustersEnoughWhateverItsSize) {
  base::SystemProcessRunner runner;
  TempTree folder;
  folder.file("file");
  for (const std::uint64_t mebibytes : {0U, 44U, 64U, 296U, 300U, 304U, 1024U, 3000U}) {
    stages::make_fat_image(
        runner, {{.source = folder.path("file"), .target = "FILE"}}, folder.path("image"),
        {.label = "TEST", .bytes = mebibytes << 20U, .epoch = kEpoch, .fat32 = true}, {});

    const stages::DiskBytes image(folder.path("image"));
    const auto boot = image.read(0, 512);
    const auto number = [&](std::size_t at, std::size_t width) {
      return stages::little_endian(boot, at, width);
    };
    const auto tables = number(14, 2) + number(16, 1) * number(36, 4);
    EXPECT_GE((number(32, 4) - tables) / number(13, 1), 65525U) << mebibytes;
    EXPECT_EQ(number(32, 4) * 512, image.size());
  }
}

TEST_F(UkiIso, IsRefusedWhenItIsNotRight) {
  const auto iso = make();
  const auto content = work.content("out.iso");
  const auto after = [&](std::uint64_t offset, std::string_view bytes) {
    work.file("out.iso", content);
    overwrite(iso, offset, bytes);
    return problem(iso);
  };

  EXPECT_THAT(after(16 * 2048 + 40, "OTHER"), HasSubstr("its volume is \"OTHERSO_INSTALL\""));
  EXPECT_THAT(after(17 * 2048 + 7, "x"), HasSubstr("no El Torito record"));
  EXPECT_THAT(after(512, "x"), HasSubstr("GPT"));
  EXPECT_THAT(after(content.find("kkkk") + 1000, "X"),
              HasSubstr("its EFI/kairos/norole.efi is not as it was written"));
  EXPECT_THAT(after(content.find("FAT32"), "FAT16"), HasSubstr("not FAT32"));
  work.file("out.iso", content.substr(0, content.size() - 2048));
  EXPECT_THAT(problem(iso), HasSubstr("shorter than its volume says"));
}

TEST(BootFolder, SpeaksTheWordsOfItsBootMenu) {
  TempTree folder;
  tests::write_made_keys(folder.path("keys"));
  const auto keys = stages::uki::read_uki_keys(folder.path("keys"));
  const auto make = [&](const std::string& version) {
    folder.file("menu", tests::made_pe({.magic = "#### LoaderInfo: systemd-boot " + version}));
    const stages::uki::SystemdBoot systemd_boot{
        .stub = {},
        .loader = {.file = folder.path("menu"), .origin = ""},
        .fallback_name = "B.EFI"};
    stages::uki::write_boot_folder(folder.path("out" + version), systemd_boot, keys, kEpoch, {});
    return "out" + version;
  };

  const auto old_menu = make("252.1");
  const auto new_menu = make("259.1");

  EXPECT_EQ(folder.content(old_menu + "/loader/entries/norole.conf"),
            "title Kairos\nsort-key norole-0\nefi /EFI/kairos/norole.efi\nprofile 0\n");
  EXPECT_EQ(folder.content(new_menu + "/loader/entries/norole.conf"),
            "title Kairos\nsort-key norole-0\nuki /EFI/kairos/norole.efi\nprofile 0\n");
  EXPECT_EQ(folder.content(old_menu + "/loader/loader.conf"),
            "timeout 5\nconsole-mode max\neditor no\nsecure-boot-enroll manual\n");
  EXPECT_THAT(folder.content(new_menu + "/loader/loader.conf"),
              HasSubstr("secure-boot-enroll if-safe\n"));
  EXPECT_THAT(
      stages::uki::files_below(folder.path(new_menu)),
      ElementsAre("EFI/BOOT/B.EFI", "loader/entries/norole.conf", "loader/keys/auto/KEK.auth",
                  "loader/keys/auto/PK.auth", "loader/keys/auto/db.auth", "loader/loader.conf"));
}

}  // namespace
