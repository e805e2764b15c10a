// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/ext2_reader.hpp"
#include "stages/raw_disk.hpp"
#include "stages/raw_disk_check.hpp"
#include "tests/unit/stages/temp_tree.hpp"

/// A tree that is just enough for a raw disk, and the disk made from it.
class RawDiskTest : public testing::Test {
 protected:
  static constexpr std::int64_t kEpoch = 1700000000;

  void SetUp() override {
    tree.file("boot/vmlinuz", kernel_head())
        .file("boot/initrd", "initrd")
        .file("usr/lib/shim/shimx64.efi.signed", "shim")
        .file("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "grub")
        .file("etc/cos/grub.cfg", "set timeout=5\n")
        .file("etc/hostname", "test")
        .file("proc/left-out", "left out")
        .file("run/.left-out-too", "left out")
        .file("srv/run/kept", "kept");
  }

  /// `name`.raw in `work`, as a build would.
  std::filesystem::path build(const TempTree& work,
                              stages::DiskFirmware firmware = stages::DiskFirmware::kUefi,
                              std::optional<std::uint64_t> disk_mib = std::nullopt) {
    const stages::RootTree root(tree.path());
    stages::RawDiskContents contents;
    contents.root = tree.path();
    contents.grub_config = "set timeout=5\n";
    contents.cloud_config = cloud_config;
    if (firmware == stages::DiskFirmware::kUefi) {
      contents.efi = stages::find_efi_bootloader(root, architecture, stages::BootMedium::kDisk);
    } else {
      contents.bios_modules = stages::find_bios_grub(root).file;
    }
    const auto scan = stages::scan_tree(tree.path(), kEpoch, {});
    layout = stages::lay_out_disk(scan.bytes, scan.inodes, firmware, disk_mib);
    const auto disk = work.path("out.raw");
    stages::make_raw_disk(runner, contents, scan, disk,
                          {.layout = layout, .epoch = kEpoch, .work = work.path()}, {}, {});
    return disk;
  }

  std::string problem_of(const std::filesystem::path& disk,
                         stages::DiskFirmware firmware = stages::DiskFirmware::kUefi,
                         stages::Architecture wanted = stages::Architecture::kAmd64) {
    try {
      stages::check_raw_disk(runner, disk, firmware, wanted, {});
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kArtifactTool);
      return error.facts().why;
    }
    return "";
  }

  stages::Ext2Reader recovery(const std::filesystem::path& disk) const {
    return stages::Ext2Reader(disk, layout.recovery.offset);
  }
  stages::Ext2Reader system(const std::filesystem::path& disk) const {
    const auto outer = recovery(disk);
    return stages::Ext2Reader(disk, layout.recovery.offset,
                              outer.blocks_of(outer.find("/cOS/recovery.img").value()));
  }

  base::ProcessResult run(const std::string& program, std::vector<std::string> arguments) {
    return runner.run({.program = program,
                       .arguments = std::move(arguments),
                       .environment = {},
                       .working_directory = {},
                       .input = {}},
                      {}, {});
  }

  /// What e2fsck, the judge of such things, says of a file system.
  void expect_sound(const std::string& image) {
    const auto check = run("e2fsck", {"-f", "-n", image});
    EXPECT_EQ(check.exit_status, 0) << check.standard_output;
  }

  static std::string text_of(const stages::Ext2Reader& reader, const std::string& path) {
    const auto inode = reader.find(path);
    return inode ? reader.head(*inode, 1U << 20) : "(missing)";
  }

  static void overwrite(const std::filesystem::path& file, std::uint64_t offset,
                        std::string_view bytes) {
    const base::FileDescriptor fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }

  base::SystemProcessRunner runner;
  TempTree tree;
  stages::Architecture architecture = stages::Architecture::kAmd64;
  std::string cloud_config = "#cloud-config\nhostname: test\n";
  stages::DiskLayout layout;
};
