// SPDX-License-Identifier: Apache-2.0
#include "stages/raw_disk.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "stages/bios_boot.hpp"
#include "stages/copy_file.hpp"
#include "stages/efi_image.hpp"
#include "stages/file_runs.hpp"
#include "stages/raw_disk_files.hpp"

namespace stages {
namespace {

using std::filesystem::path;

constexpr std::size_t kMostModuleBytes = 4U << 20;
constexpr std::uint64_t kBytesPerInode = 16384;  // As mke2fs: room for files of later upgrades.

/// A small file system of ours: folders by need, files of root.
class SmallFiles {
 public:
  SmallFiles(Ext2Image& image, std::int64_t epoch) : image_(image), epoch_(epoch) {}

  Ext2Attributes attributes(std::uint32_t mode) const {
    return {.mode = mode, .time = epoch_, .xattrs = {}};
  }
  void add(const path& file, std::string_view content, std::uint32_t permissions = 0644) {
    const auto inode = image_.new_inode(S_IFREG);
    image_.put_bytes(inode, attributes(S_IFREG | permissions), content);
    add_entry(file, inode, S_IFREG);
  }
  void add_entry(const path& file, Ext2Image::Inode inode, std::uint32_t type) {
    const auto folder = file.parent_path();
    if (!folder.empty() && !entries_.contains(folder)) {
      const auto made = image_.new_inode(S_IFDIR);
      entries_[folder];
      inodes_[folder] = made;
      add_entry(folder, made, S_IFDIR);
    }
    entries_[folder].push_back({.name = file.filename().string(), .inode = inode, .mode = type});
  }
  void finish() {
    inodes_[""] = Ext2Image::kRoot;
    for (const auto& [folder, entries] : entries_) {
      image_.put_folder(inodes_.at(folder), inodes_.at(folder.parent_path()),
                        attributes(S_IFDIR | 0755U), entries);
    }
    image_.finish();
  }

 private:
  Ext2Image& image_;
  std::int64_t epoch_;
  std::map<path, std::vector<Ext2Image::Entry>> entries_{{"", {}}};
  std::map<path, Ext2Image::Inode> inodes_;
};

Ext2Options file_system(const DiskPartition& partition, std::string_view identity,
                        std::int64_t epoch) {
  return {.offset = partition.offset,
          .bytes = partition.bytes,
          .label = std::string(partition.guid_name),
          .identity = std::string(identity),
          .epoch = epoch,
          .inodes = partition.bytes / kBytesPerInode};
}

/// GRUB's modules for its menu; a machine with UEFI has them in its one program.
void add_modules(const path& modules, SmallFiles& files) {
  std::vector<path> sources;
  for (const auto& entry : std::filesystem::directory_iterator(modules)) {
    const auto ending = entry.path().extension();
    if (ending == ".mod" || ending == ".lst") sources.push_back(entry.path());
  }
  std::sort(sources.begin(), sources.end());
  for (const auto& source : sources) {
    files.add("grub2/i386-pc" / source.filename(), base::read_file(source, kMostModuleBytes));
  }
}

/// The recovery partition but for its largest file, whose place it returns.
Ext2Blocks make_recovery(const RawDiskContents& contents, std::string_view identity,
                         const path& disk, const RawDiskOptions& options) {
  const auto& layout = options.layout;
  Ext2Image image(disk, file_system(layout.recovery, identity, options.epoch));
  SmallFiles files(image, options.epoch);
  files.add("etc/cos/grub.cfg", contents.grub_config);
  if (contents.bios_modules) {
    files.add("grub2/grub.cfg", grub_recovery_finder());
    add_modules(*contents.bios_modules, files);
  }
  const auto inode = image.new_inode(S_IFREG);
  auto blocks =
      image.reserve(inode, files.attributes(S_IFREG | 0644U), layout.recovery_image_bytes);
  files.add_entry("cOS/recovery.img", inode, S_IFREG);
  files.finish();
  return blocks;
}

void make_system(const RawDiskContents& contents, const TreeScan& scan, Ext2Blocks place,
                 const path& disk, const RawDiskOptions& options, const BytesSink& written,
                 const std::stop_token& stop) {
  const auto bytes = options.layout.recovery_image_bytes;
  Ext2Image image(disk,
                  {.offset = options.layout.recovery.offset,
                   .bytes = bytes,
                   .label = kSystemLabel,
                   .identity = scan.digest.text(),
                   .epoch = options.epoch,
                   .inodes = std::max(bytes / kBytesPerInode, scan.inodes + scan.inodes / 8)},
                  std::move(place));
  put_tree(contents.root, scan, image, written, stop);
  image.finish();
}

void make_oem(const RawDiskContents& contents, std::string_view identity, const path& disk,
              const RawDiskOptions& options) {
  Ext2Image image(disk, file_system(options.layout.oem, identity, options.epoch));
  SmallFiles files(image, options.epoch);
  // It can hold passwords and keys.
  files.add("90_custom.yaml",
            contents.cloud_config.empty() ? default_cloud_config() : contents.cloud_config, 0600);
  files.add("01_reset.yaml", reset_config(options.layout.state_mib));
  files.add("grubenv", recovery_grubenv());
  files.finish();
}

/// Shim and GRUB look for a configuration in their own folder, or in their distribution's.
std::vector<FatFile> efi_files(const EfiBootloader& efi, const path& finder,
                               std::string_view flavor) {
  const std::string boot = "EFI/BOOT/";
  std::vector<FatFile> files;
  const auto& first = efi.shim ? *efi.shim : efi.grub;
  files.push_back({.source = first.file, .target = boot + efi.fallback_name});
  if (efi.shim) {
    auto name = efi.fallback_name;
    files.push_back({.source = first.file, .target = boot + name.replace(0, 4, "shim")});
  }
  files.push_back({.source = efi.grub.file, .target = boot + efi.grub_name});
  std::vector<std::string> places = {boot + "grub.cfg", "boot/grub/grub.cfg"};
  if (flavor.find("ubuntu") != std::string_view::npos) places.emplace_back("EFI/ubuntu/grub.cfg");
  for (const auto& place : places) files.push_back({.source = finder, .target = place});
  return files;
}

void make_boot(base::ProcessRunner& runner, const RawDiskContents& contents, const path& disk,
               const RawDiskOptions& options, const std::stop_token& stop) {
  const base::TempDir work(options.work, "disk");
  const auto& partition = options.layout.boot;
  if (contents.bios_modules) {
    put_bios_grub(runner, *contents.bios_modules, disk, partition, work.path(), stop);
    return;
  }
  const auto finder = work.path() / "grub.cfg";
  base::write_file_atomically(finder, grub_recovery_finder());
  const auto image = work.path() / "efi.img";
  make_fat_image(runner, efi_files(contents.efi.value(), finder, contents.flavor), image,
                 {.label = kBootLabel, .bytes = partition.bytes, .epoch = options.epoch}, stop);
  copy_into(image, disk, partition.offset, stop);
}

}  // namespace

void make_raw_disk(base::ProcessRunner& runner, const RawDiskContents& contents,
                   const TreeScan& scan, const path& output, const RawDiskOptions& options,
                   const BytesSink& written, const std::stop_token& stop,
                   const ReviewFile& review) {
  PartialFile partial(output);
  const auto& disk = partial.path();
  make_sparse_file(disk, options.layout.disk_bytes);
  write_partition_table(runner, disk, options.layout, stop);
  make_boot(runner, contents, disk, options, stop);
  make_oem(contents, scan.digest.text(), disk, options);
  auto place = make_recovery(contents, scan.digest.text(), disk, options);
  make_system(contents, scan, std::move(place), disk, options, written, stop);
  partial.commit(review);
}

}  // namespace stages
