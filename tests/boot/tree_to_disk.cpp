// SPDX-License-Identifier: Apache-2.0
// Tree -> raw disk, VHD or GCE archive with the functions of stages/ alone, for boot tests:
//   tree_to_disk ROOT WORK OUTPUT uefi|bios raw|vhd|gce CLOUD-CONFIG
#include <fmt/format.h>

#include <cstdio>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/gce_archive.hpp"
#include "stages/raw_disk.hpp"
#include "stages/raw_disk_check.hpp"
#include "stages/vhd.hpp"

namespace {

constexpr std::int64_t kEpoch = 1767225600;
constexpr auto kAmd64 = stages::Architecture::kAmd64;
constexpr std::size_t kMostBytes = 1U << 20;

void build(const std::filesystem::path& tree, const std::filesystem::path& work,
           const std::filesystem::path& output, stages::DiskFirmware firmware,
           const std::string& form, const std::filesystem::path& cloud_config) {
  base::SystemProcessRunner runner;
  const stages::RootTree root(tree);
  stages::RawDiskContents contents;
  contents.root = tree;
  contents.grub_config = base::read_file(tree / "etc/cos/grub.cfg", kMostBytes);
  contents.cloud_config = base::read_file(cloud_config, kMostBytes);
  contents.flavor = stages::flavor_of(root);
  if (firmware == stages::DiskFirmware::kUefi) {
    contents.efi = stages::find_efi_bootloader(root, kAmd64, stages::BootMedium::kDisk);
  } else {
    contents.bios_modules = stages::find_bios_grub(root).file;
  }
  const auto scan = stages::scan_tree(tree, kEpoch, {});
  const stages::RawDiskOptions options{
      .layout = stages::lay_out_disk(scan.bytes, scan.inodes, firmware, std::nullopt),
      .epoch = kEpoch,
      .work = work};
  const auto disk = form == "raw" ? output : work / "disk.raw";
  stages::make_raw_disk(runner, contents, scan, disk, options, {}, {});
  stages::check_raw_disk(runner, disk, firmware, kAmd64, {});
  if (form == "vhd") {
    stages::make_vhd(disk, output, kEpoch, {});
    stages::check_vhd(stages::DiskBytes(output));
  } else if (form == "gce") {
    stages::make_gce_archive(disk, output, {.epoch = kEpoch, .threads = 2}, {}, {});
    stages::check_gce_archive(output, work, {});
  }
}

}  // namespace

int main(int count, char** values) {
  if (count != 7) {
    fmt::print(stderr, "usage: tree_to_disk ROOT WORK OUTPUT uefi|bios raw|vhd|gce CLOUD-CONFIG\n");
    return 2;
  }
  try {
    build(values[1], values[2], values[3], stages::parse_disk_firmware(values[4]), values[5],
          values[6]);
    return 0;
  } catch (const base::Error& error) {
    fmt::print(stderr, "{}\n", base::render(error));
    return base::exit_status(error.code());
  }
}
