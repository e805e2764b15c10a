// SPDX-License-Identifier: Apache-2.0
#include "stages/raw_disk.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "stages/copy_file.hpp"
#include "stages/file_digest.hpp"
#include "tests/unit/stages/raw_disk_fixture.hpp"

using stages::Architecture;
using stages::DiskFirmware;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

constexpr std::uint64_t kMiB = 1U << 20;

using RawDisk = RawDiskTest;

std::uint64_t stored_bytes(const std::filesystem::path& file) {
  struct stat status {};
  EXPECT_EQ(::stat(file.c_str(), &status), 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace

TEST_F(RawDisk, Case234IsTheSameTwiceAndPassesItsCheck) {
  const TempTree one;
  const TempTree two;

  const auto first = build(one);
  ::sleep(1);
  tree.file("boot/initrd", "initrd");  // The same bytes with another date.
  const auto second = build(two);

  EXPECT_EQ(problem_of(first), "");
  EXPECT_EQ(stages::digest_of_file(first, {}), stages::digest_of_file(second, {}));
  EXPECT_FALSE(std::filesystem::exists(first.string() + ".partial"));
}

TEST_F(RawDisk, HoldsFileSystemsThatTheirCheckerFindsNoFaultWith) {
  std::string large(40U << 20, 'x');  // Beyond one indirect block: 4 MiB.
  tree.file("srv/large", large);
  const TempTree work;
  const auto disk = build(work);

  expect_sound(fmt::format("{}?offset={}", disk.string(), layout.oem.offset));
  expect_sound(fmt::format("{}?offset={}", disk.string(), layout.recovery.offset));
  const auto image = work.path("recovery.img").string();
  run("debugfs", {"-R", "dump /cOS/recovery.img " + image,
                  fmt::format("{}?offset={}", disk.string(), layout.recovery.offset)});
  expect_sound(image);
  EXPECT_EQ(std::filesystem::file_size(image), layout.recovery_image_bytes);
}

TEST_F(RawDisk, HoldsWhatAFirstBootLooksFor) {
  const TempTree work;
  const auto disk = build(work);

  const stages::Ext2Reader oem(disk, layout.oem.offset);
  EXPECT_EQ(oem.label(), "COS_OEM");
  EXPECT_EQ(text_of(oem, "/90_custom.yaml"), cloud_config);
  EXPECT_THAT(text_of(oem, "/01_reset.yaml"),
              AllOf(HasSubstr("label: COS_RECOVERY"), HasSubstr("fsLabel: COS_STATE"),
                    HasSubstr(fmt::format("size: {}\n", layout.state_mib)),
                    HasSubstr("kairos-agent --debug reset --unattended --reboot")));
  EXPECT_THAT(text_of(oem, "/grubenv"), HasSubstr("\nnext_entry=recovery\n#"));
  EXPECT_EQ(recovery(disk).label(), "COS_RECOVERY");
  EXPECT_EQ(text_of(recovery(disk), "/etc/cos/grub.cfg"), "set timeout=5\n");
  EXPECT_EQ(system(disk).label(), "COS_SYSTEM");
  EXPECT_EQ(text_of(system(disk), "/etc/hostname"), "test");
  EXPECT_EQ(layout.state_mib, 3 * layout.recovery.bytes / kMiB + 100);
  EXPECT_EQ(layout.recovery.bytes, 2 * layout.recovery_image_bytes + 150 * kMiB);
}

TEST_F(RawDisk, HasAUserToLogInAsWhereThereIsNoCloudConfig) {
  cloud_config.clear();
  const TempTree work;
  const auto disk = build(work);

  EXPECT_THAT(text_of(stages::Ext2Reader(disk, layout.oem.offset), "/90_custom.yaml"),
              HasSubstr("kairos:"));
}

TEST_F(RawDisk, LeavesOutWhatBelongsToARunningSystem) {
  const TempTree work;
  const auto disk = build(work);
  const auto reader = system(disk);

  EXPECT_THAT(reader.names(reader.find("/proc").value()), ElementsAre());
  EXPECT_THAT(reader.names(reader.find("/run").value()), ElementsAre());
  EXPECT_EQ(text_of(reader, "/srv/run/kept"), "kept");
}

TEST_F(RawDisk, Case232KeepsOwnersModesLinksHolesAndXattrs) {
  tree.file("usr/bin/ping", "ping").file("usr/bin/su", "su").file("srv/hole", "head");
  tree.link("usr/bin/other", "/usr/bin/su").link("usr/bin/long", "/" + std::string(200, 'l'));
  std::filesystem::create_hard_link(tree.path("usr/bin/su"), tree.path("usr/bin/same"));
  std::filesystem::resize_file(tree.path("srv/hole"), 64 * kMiB);
  ASSERT_EQ(::chown(tree.path("usr/bin/su").c_str(), 70000, 80000), 0);
  ASSERT_EQ(::chmod(tree.path("usr/bin/su").c_str(), 04755), 0);
  ASSERT_EQ(::mknod(tree.path("srv/null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  const std::string capability(
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00",
      20);
  ASSERT_EQ(::setxattr(tree.path("usr/bin/ping").c_str(), "security.capability", capability.data(),
                       capability.size(), 0),
            0);
  const TempTree work;
  const auto disk = build(work);
  const auto image = work.path("recovery.img").string();
  run("debugfs", {"-R", "dump /cOS/recovery.img " + image,
                  fmt::format("{}?offset={}", disk.string(), layout.recovery.offset)});
  const auto stat_of = [&](const std::string& path) {
    return run("debugfs", {"-R", "stat " + path, image}).standard_output;
  };

  expect_sound(image);
  EXPECT_THAT(stat_of("/usr/bin/su"), AllOf(HasSubstr("Mode:  04755"), HasSubstr("User: 70000"),
                                            HasSubstr("Group: 80000"), HasSubstr("Links: 2")));
  EXPECT_EQ(system(disk).find("/usr/bin/su"), system(disk).find("/usr/bin/same"));
  EXPECT_THAT(stat_of("/usr/bin/other"), HasSubstr("/usr/bin/su"));
  EXPECT_EQ(system(disk).size_of(system(disk).find("/srv/hole").value()), 64 * kMiB);
  EXPECT_THAT(stat_of("/srv/hole"), HasSubstr("Blockcount: 8\n"));
  EXPECT_THAT(stat_of("/srv/null"), HasSubstr("Device major/minor number: 01:03"));
  EXPECT_THAT(
      run("debugfs", {"-R", "ea_get -x /usr/bin/ping security.capability", image}).standard_output,
      HasSubstr("01 00 00 02 00 20 00 00"));
  EXPECT_THAT(run("debugfs", {"-R", "dump /usr/bin/long /dev/stdout", image}).standard_output,
              HasSubstr(std::string(200, 'l')));
}

TEST_F(RawDisk, KeepsAFolderOfMoreNamesThanABlockHolds) {
  for (int i = 0; i < 700; ++i) tree.file(fmt::format("srv/many/file-{:040}", i), "x");
  const TempTree work;
  const auto disk = build(work);
  const auto reader = system(disk);

  EXPECT_EQ(reader.names(reader.find("/srv/many").value()).size(), 700U);
  EXPECT_EQ(text_of(reader, fmt::format("/srv/many/file-{:040}", 699)), "x");
}

TEST_F(RawDisk, WritesEachByteOnce) {
  tree.file("srv/large", std::string(100U << 20, 'x'));
  const TempTree work;

  const auto disk = build(work);

  // The EFI programs of this tree are tiny; all the rest is the file systems' own.
  EXPECT_LT(stored_bytes(disk), (100U << 20) * 11 / 10);
}

TEST_F(RawDisk, Case229KeepsTheBackupTableAtItsEndAndSizesFitTheContent) {
  const TempTree work;
  const auto disk = build(work, DiskFirmware::kUefi, 2048);

  EXPECT_EQ(std::filesystem::file_size(disk), 2048 * kMiB);
  EXPECT_EQ(problem_of(disk), "");
  // A disk that was only made longer.
  std::filesystem::resize_file(disk, 2049 * kMiB);
  EXPECT_EQ(problem_of(disk), "its backup GPT is not in the last sector");
}

TEST(DiskLayout, Case229SaysWithNumbersThatADiskIsTooSmall) {
  constexpr std::uint64_t kContent = 1000 * kMiB;
  try {
    static_cast<void>(stages::lay_out_disk(kContent, 40960, DiskFirmware::kUefi, 2000));
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.facts().what, "a disk of 2000 MiB is too small");
    EXPECT_THAT(error.facts().why,
                AllOf(HasSubstr("the root takes 1000 MiB"), HasSubstr("need 2700 MiB"),
                      HasSubstr("recovery 2570"), HasSubstr("first boot 10574 MiB")));
    EXPECT_THAT(error.facts().hint, HasSubstr("diskSize to 10574"));
  }
  EXPECT_EQ(stages::lay_out_disk(kContent, 40960, DiskFirmware::kUefi, 2700).disk_bytes,
            2700 * kMiB);
}

TEST_F(RawDisk, StartsFromABiosWhereAsked) {
  const TempTree work;
  const auto disk = build(work, DiskFirmware::kBios);

  EXPECT_EQ(problem_of(disk, DiskFirmware::kBios), "");
  EXPECT_THAT(problem_of(disk, DiskFirmware::kUefi), HasSubstr("partition 1 is \"bios\""));
  EXPECT_THAT(text_of(recovery(disk), "/grub2/grub.cfg"), HasSubstr("COS_RECOVERY"));
  EXPECT_NE(text_of(recovery(disk), "/grub2/i386-pc/loopback.mod"), "(missing)");
  overwrite(disk, 0x5c, std::string(8, '\0'));
  EXPECT_EQ(problem_of(disk, DiskFirmware::kBios),
            "its first sector does not load GRUB from the BIOS partition");
}

TEST_F(RawDisk, Case231IsRefusedForAnotherArchitecture) {
  const TempTree work;
  const auto disk = build(work);

  EXPECT_THAT(problem_of(disk, DiskFirmware::kUefi, Architecture::kArm64), HasSubstr("bootaa64"));
}

TEST_F(RawDisk, Case231HoldsTheProgramsOfItsArchitecture) {
  std::string kernel(8192, '\0');
  kernel.replace(0x38, 4, "ARM\x64");
  tree.file("boot/vmlinuz", kernel)
      .file("usr/lib/shim/shimaa64.efi.signed", "shim")
      .file("usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed", "grub");
  architecture = Architecture::kArm64;
  const TempTree work;
  const auto disk = build(work);

  EXPECT_EQ(problem_of(disk, DiskFirmware::kUefi, Architecture::kArm64), "");
  EXPECT_THAT(problem_of(disk), HasSubstr("bootx64"));
}

TEST_F(RawDisk, IsRefusedWhenItIsBroken) {
  const TempTree work;
  const auto disk = build(work);
  struct Break {
    std::uint64_t offset;
    std::string bytes;
    std::string problem;
  };
  const std::string zero(512, '\0');
  for (const auto& [offset, bytes, problem] :
       std::vector<Break>{{512, zero, "no primary GPT header"},
                          {kMiB, zero, "no FAT file system COS_GRUB"},
                          {layout.oem.offset + 1024, zero, "cannot open the file system"},
                          {layout.oem.offset + 1024 + 120, "OTHER", "is \"OTHEREM\", not COS_OEM"},
                          {layout.recovery.offset + 1024, zero, "cannot open the file system"}}) {
    const auto copy = work.path("broken.raw");
    stages::copy_file(disk, copy, {});
    overwrite(copy, offset, bytes);
    EXPECT_THAT(problem_of(copy), HasSubstr(problem)) << offset;
  }
}

TEST_F(RawDisk, StopsWhenAskedAndLeavesNothing) {
  const TempTree work;
  const auto scan = stages::scan_tree(tree.path(), kEpoch, {});
  std::stop_source stop;
  stop.request_stop();
  stages::RawDiskContents contents;
  contents.root = tree.path();
  contents.efi = stages::find_efi_bootloader(stages::RootTree(tree.path()), Architecture::kAmd64,
                                             stages::BootMedium::kDisk);

  try {
    stages::make_raw_disk(
        runner, contents, scan, work.path("out.raw"),
        {.layout = stages::lay_out_disk(scan.bytes, scan.inodes, DiskFirmware::kUefi, {}),
         .epoch = kEpoch,
         .work = work.path()},
        {}, stop.get_token());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInterrupted);
  }
  EXPECT_TRUE(std::filesystem::is_empty(work.path()));
}
