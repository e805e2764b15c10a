// SPDX-License-Identifier: Apache-2.0
#include "stages/raw_disk_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stages/boot_files.hpp"
#include "stages/ext2_reader.hpp"
#include "stages/fat_volume.hpp"
#include "stages/gpt_check.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kSector = 512;

std::vector<GptPartition> check_partitions(const DiskBytes& disk, DiskFirmware firmware) {
  struct Expected {
    std::string_view name;
    std::string_view type;
  };
  const bool uefi = firmware == DiskFirmware::kUefi;
  const std::array expected = {
      uefi ? Expected{"efi", kEfiSystemType} : Expected{"bios", kBiosBootType},
      Expected{"oem", kLinuxDataType}, Expected{"recovery", kLinuxDataType}};
  auto partitions = check_gpt(disk);
  disk.require(partitions.size() == expected.size(),
               fmt::format("it has {} partitions, not {}", partitions.size(), expected.size()));
  for (std::size_t index = 0; index < expected.size(); ++index) {
    const auto& partition = partitions[index];
    disk.require(partition.name == expected[index].name && partition.type == expected[index].type,
                 fmt::format("partition {} is \"{}\" of type {}, not \"{}\"", index + 1,
                             partition.name, guid_text(partition.type), expected[index].name));
    disk.require(index == 0 ||
                     partitions[index - 1].offset + partitions[index - 1].bytes <= partition.offset,
                 fmt::format("partition {} begins before the one before it ends", index + 1));
  }
  return partitions;
}

void check_efi(base::ProcessRunner& runner, const DiskBytes& disk, const GptPartition& partition,
               Architecture architecture, const std::stop_token& stop) {
  const auto volume = read_fat(disk, partition.offset);
  disk.require(volume && volume->label == kBootLabel && volume->bytes <= partition.bytes,
               fmt::format("its EFI partition is no FAT file system {}", kBootLabel));
  const auto names = fat_names(runner, disk, partition.offset, "EFI/BOOT", stop);
  const std::string program = architecture == Architecture::kAmd64 ? "bootx64" : "bootaa64";
  for (const auto& name : {"efi/boot/" + program + ".efi", std::string("efi/boot/grub.cfg")}) {
    disk.require(std::find(names.begin(), names.end(), name) != names.end(),
                 fmt::format("its EFI partition has no {}", name));
  }
}

/// Each piece says where the next one is.
void check_bios(const DiskBytes& disk, const GptPartition& partition) {
  const auto first = partition.offset / kSector;
  const auto boot = disk.read(0, kSector);
  disk.require(boot.substr(0, 2) == "\xeb\x63" && little_endian(boot, 0x5c, 8) == first,
               "its first sector does not load GRUB from the BIOS partition");
  const auto core = disk.read(partition.offset, kSector);
  const auto sectors = little_endian(core, kSector - 4, 2);
  disk.require(little_endian(core, kSector - 12, 8) == first + 1 && sectors > 0 &&
                   (sectors + 1) * kSector <= partition.bytes,
               "the GRUB in its BIOS partition does not know where it is");
}

Ext2Reader open_file_system(const DiskBytes& disk, const GptPartition& partition,
                            std::string_view label) {
  Ext2Reader reader(disk.path(), partition.offset);
  disk.require(reader.label() == label, fmt::format("its partition {} is \"{}\", not {}",
                                                    partition.name, reader.label(), label));
  disk.require(reader.bytes() <= partition.bytes,
               fmt::format("its file system {} is larger than its partition", label));
  disk.require(reader.is_clean(), fmt::format("its file system {} is not clean", label));
  return reader;
}

std::string require_file(const DiskBytes& disk, const Ext2Reader& reader, const std::string& name,
                         std::size_t limit) {
  const auto inode = reader.find(name);
  if (!inode || reader.size_of(*inode) == 0) {
    disk.fail(fmt::format("its file system {} has no {}", reader.label(), name));
  }
  return reader.head(*inode, limit);
}

void check_oem(const DiskBytes& disk, const GptPartition& partition) {
  const auto oem = open_file_system(disk, partition, kOemLabel);
  constexpr std::size_t kMostBytes = 4096;
  require_file(disk, oem, "/90_custom.yaml", 1);
  const auto reset = require_file(disk, oem, "/01_reset.yaml", kMostBytes);
  disk.require(reset.find("label: COS_RECOVERY") != std::string::npos,
               "its reset configuration does not name COS_RECOVERY");
  const auto grubenv = require_file(disk, oem, "/grubenv", kMostBytes);
  disk.require(
      grubenv.size() == 1024 && grubenv.find("\nnext_entry=recovery\n") != std::string::npos,
      "its next boot is not the recovery system");
}

void check_system(const DiskBytes& disk, const Ext2Reader& system, Architecture architecture) {
  disk.require(system.label() == kSystemLabel && system.is_clean(),
               "its /cOS/recovery.img is no clean file system COS_SYSTEM");
  const auto boot = system.find("/boot");
  const auto names = boot ? system.names(*boot) : std::vector<std::string>();
  const auto named = [&](bool (*matches)(std::string_view)) {
    return std::find_if(names.begin(), names.end(), [&](const std::string& name) {
      const auto inode = matches(name) ? system.find("/boot/" + name) : std::nullopt;
      return inode && system.size_of(*inode) > 0;
    });
  };
  const auto kernel = named(&is_kernel_name);
  disk.require(kernel != names.end(), "its system has no kernel in /boot");
  disk.require(named(&is_initrd_name) != names.end(), "its system has no initrd in /boot");
  const auto actual =
      architecture_of_kernel(system.head(*system.find("/boot/" + *kernel), kKernelHeadBytes));
  disk.require(!actual || *actual == architecture,
               fmt::format("its kernel is not for {}", name_of(architecture)));
}

}  // namespace

void check_raw_disk(base::ProcessRunner& runner, const std::filesystem::path& path,
                    DiskFirmware firmware, Architecture architecture, const std::stop_token& stop) {
  const DiskBytes disk(path);
  const auto partitions = check_partitions(disk, firmware);
  if (firmware == DiskFirmware::kUefi) {
    check_efi(runner, disk, partitions[0], architecture, stop);
  } else {
    check_bios(disk, partitions[0]);
  }
  check_oem(disk, partitions[1]);
  const auto recovery = open_file_system(disk, partitions[2], kRecoveryLabel);
  require_file(disk, recovery, "/etc/cos/grub.cfg", 1);
  require_file(disk, recovery, "/cOS/recovery.img", 1);
  const Ext2Reader system(path, partitions[2].offset,
                          recovery.blocks_of(*recovery.find("/cOS/recovery.img")));
  check_system(disk, system, architecture);
}

}  // namespace stages
