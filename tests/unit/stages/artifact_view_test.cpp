// SPDX-License-Identifier: Apache-2.0
#include "stages/artifact_view.hpp"

#include "stages/gce_archive.hpp"
#include "stages/vhd.hpp"
#include "tests/unit/stages/raw_disk_fixture.hpp"

using testing::HasSubstr;

namespace {

class ArtifactView : public RawDiskTest {
 protected:
  stages::ArtifactView view(const std::filesystem::path& file) {
    return stages::view_artifact(file, {.runner = runner, .work = work.path(), .stop = {}});
  }

  TempTree work;
};

}  // namespace

TEST_F(ArtifactView, TellsOfADiskAndWhatIsOnIt) {
  const auto shown = view(build(work));

  EXPECT_EQ(shown.at("kind"), "raw-disk");
  EXPECT_EQ(shown.at("check"), "passed");
  EXPECT_EQ(shown.at("architecture"), "amd64");
  EXPECT_EQ(shown.at("firmware"), stages::ArtifactView::array({"uefi"}));
  const auto& recovery = shown.at("partitions").at(2);
  EXPECT_EQ(recovery.at("label"), "COS_RECOVERY");
  EXPECT_EQ(recovery.at("fileSystem"), "ext2");
  EXPECT_EQ(recovery.at("holds").at("label"), "COS_SYSTEM");
  EXPECT_EQ(shown.at("partitions").at(0).at("fileSystem"), "FAT16");
  EXPECT_LT(shown.at("storedSize"), shown.at("size"));
}

TEST_F(ArtifactView, TellsOfADiskForABios) {
  const auto shown = view(build(work, stages::DiskFirmware::kBios));

  EXPECT_EQ(shown.at("check"), "passed");
  EXPECT_EQ(shown.at("firmware"), stages::ArtifactView::array({"bios"}));
}

TEST_F(ArtifactView, TellsOfTheFormsForClouds) {
  const auto raw = build(work);
  stages::make_vhd(raw, work.path("x"), kEpoch, {});
  stages::make_gce_archive(raw, work.path("y"), {.epoch = kEpoch, .threads = 2}, {}, {});

  const auto vhd = view(work.path("x"));
  const auto gce = view(work.path("y"));
  EXPECT_EQ(vhd.at("kind"), "vhd");
  EXPECT_EQ(vhd.at("check"), "passed");
  EXPECT_EQ(vhd.at("partitions").size(), 3U);
  EXPECT_EQ(gce.at("kind"), "gce");
  EXPECT_EQ(gce.at("check"), "passed");
  EXPECT_EQ(gce.at("diskSize"), 1ULL << 30);
}

TEST_F(ArtifactView, SaysWhatIsWrongWithADiskThatIsNotOurs) {
  const auto disk = build(work);
  overwrite(disk, layout.oem.offset + 1024 + 120, "OTHER");

  const auto shown = view(disk);

  EXPECT_EQ(shown.at("kind"), "raw-disk");
  EXPECT_EQ(shown.at("check"), "failed");
  EXPECT_THAT(shown.at("problem").get<std::string>(), HasSubstr("not COS_OEM"));
  EXPECT_EQ(shown.at("partitions").at(1).at("label"), "OTHEREM");
}

TEST_F(ArtifactView, TakesNoOtherGzipForACloudsAndRefusesWhatItDoesNotKnow) {
  work.file("text", "hello").file("empty", "").file("script", "#!ipxe\nkernel vmlinuz a=b\n");
  run("gzip", {"--keep", work.path("text").string()});

  EXPECT_THROW(view(work.path("text.gz")), base::Error);
  EXPECT_THROW(view(work.path("text")), base::Error);
  EXPECT_THROW(view(work.path("empty")), base::Error);
  EXPECT_EQ(view(work.path("script")).at("commands").at(0), "kernel vmlinuz a=b");
}
