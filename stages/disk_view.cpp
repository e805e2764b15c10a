// SPDX-License-Identifier: Apache-2.0
#include "stages/disk_view.hpp"

#include <fmt/format.h>

#include <array>

#include "stages/architecture.hpp"
#include "stages/ext2_reader.hpp"
#include "stages/fat_volume.hpp"
#include "stages/gpt_check.hpp"
#include "stages/iso_reading.hpp"

namespace stages {
namespace {

struct TypeRow {
  std::string_view type;
  std::string_view name;
};

constexpr std::array kTypes = {TypeRow{kEfiSystemType, "EFI system"},
                               TypeRow{kBiosBootType, "BIOS boot"},
                               TypeRow{kLinuxDataType, "Linux data"}};

std::string type_name(std::string_view type) {
  for (const auto& row : kTypes) {
    if (row.type == type) return std::string(row.name);
  }
  return guid_text(type);
}

/// The file system inside a file of another one, as Kairos keeps its systems.
ArtifactView view_of_image(const DiskBytes& disk, std::uint64_t offset, const Ext2Reader& outer,
                           const std::string& path) {
  const auto inode = outer.find(path);
  if (!inode) return nullptr;
  ArtifactView view = {{"path", path}, {"size", outer.size_of(*inode)}};
  try {
    const Ext2Reader inner(disk.path(), offset, outer.blocks_of(*inode));
    view["fileSystem"] = inner.kind();
    view["label"] = inner.label();
    view["free"] = inner.free_bytes();
  } catch (const base::Error& error) {
    view["problem"] = error.facts().why;
  }
  return view;
}

void add_ext2(const DiskBytes& disk, std::uint64_t offset, ArtifactView& view) {
  constexpr std::uint64_t kSuperblock = 1024;
  if (disk.size() < offset + 2 * kSuperblock ||
      little_endian(disk.read(offset + kSuperblock, 64), 56, 2) != 0xef53) {
    return;
  }
  try {
    const Ext2Reader reader(disk.path(), offset);
    view["fileSystem"] = reader.kind();
    view["label"] = reader.label();
    view["uuid"] = reader.uuid();
    view["free"] = reader.free_bytes();
    if (!reader.is_clean()) view["problem"] = "it was not unmounted, or has errors";
    if (auto image = view_of_image(disk, offset, reader, "/cOS/recovery.img"); !image.is_null()) {
      view["holds"] = std::move(image);
    }
  } catch (const base::Error& error) {
    view["problem"] = error.facts().why;
  }
}

void add_file_system(const DiskBytes& disk, const GptPartition& partition, ArtifactView& view) {
  if (const auto fat = read_fat(disk, partition.offset)) {
    view["fileSystem"] = fat->kind;
    view["label"] = fat->label;
    return;
  }
  if (disk.read(partition.offset, 4) == "hsqs") {
    view["fileSystem"] = "squashfs";
    return;
  }
  add_ext2(disk, partition.offset, view);
}

/// By the names of the programs that firmware starts.
void add_efi_programs(const DiskBytes& disk, std::uint64_t offset, const ViewContext& context,
                      ArtifactView& view) {
  for (const auto& name : fat_names(context.runner, disk, offset, "EFI/BOOT", context.stop)) {
    if (!name.ends_with(".efi")) continue;
    view["efiPrograms"].push_back(name);
    if (name.ends_with("bootx64.efi")) view["architecture"] = name_of(Architecture::kAmd64);
    if (name.ends_with("bootaa64.efi")) view["architecture"] = name_of(Architecture::kArm64);
  }
}

void add_partitions(const DiskBytes& disk, const ViewContext& context, ArtifactView& view) {
  int number = 0;
  view["partitions"] = ArtifactView::array();
  for (const auto& partition : check_gpt(disk)) {
    ArtifactView row = {{"number", ++number},
                        {"name", partition.name},
                        {"type", type_name(partition.type)},
                        {"guid", guid_text(partition.guid)},
                        {"offset", partition.offset},
                        {"size", partition.bytes}};
    add_file_system(disk, partition, row);
    view["partitions"].push_back(std::move(row));
    if (partition.type == kEfiSystemType) {
      add_efi_programs(disk, partition.offset, context, view);
    }
  }
}

bool has_type(const ArtifactView& view, std::string_view name) {
  for (const auto& partition : view.at("partitions")) {
    if (partition.at("type") == name) return true;
  }
  return false;
}

}  // namespace

void describe_disk(const DiskBytes& disk, const ViewContext& context, ArtifactView& view) {
  view["diskSize"] = disk.size();
  add_partitions(disk, context, view);
  view["firmware"] = ArtifactView::array();
  if (has_type(view, "EFI system")) view["firmware"].push_back("uefi");
  if (has_type(view, "BIOS boot")) {
    view["firmware"].push_back("bios");
    view["architecture"] = name_of(Architecture::kAmd64);
  }
}

void describe_iso(const DiskBytes& iso, const ViewContext& context, ArtifactView& view) {
  view["volume"] = iso_volume_name(iso);
  view["firmware"] = ArtifactView::array();
  const auto entries = read_boot_catalog(iso);
  if (entries.efi) view["firmware"].push_back("uefi");
  if (entries.bios) {
    view["firmware"].push_back("bios");
    view["architecture"] = name_of(Architecture::kAmd64);
  }
  // A CD has none; a stick needs it.
  if (iso.read(512, 8) == "EFI PART") {
    add_partitions(iso, context, view);
  } else if (entries.efi) {
    add_efi_programs(iso, *entries.efi, context, view);
  }
}

}  // namespace stages
