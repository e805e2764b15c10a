// SPDX-License-Identifier: Apache-2.0
#include "stages/artifact_view.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "stages/architecture.hpp"
#include "stages/disk_view.hpp"
#include "stages/file_digest.hpp"
#include "stages/gce_archive.hpp"
#include "stages/iso_check.hpp"
#include "stages/raw_disk_check.hpp"
#include "stages/uki/pe_image.hpp"
#include "stages/uki/uki_check.hpp"
#include "stages/vhd.hpp"

namespace stages {
namespace {

std::string head_of(const DiskBytes& file, std::size_t bytes) {
  return file.read(0, static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), bytes)));
}

Architecture architecture_in(const DiskBytes& file, const ArtifactView& view) {
  if (!view.contains("architecture"))
    file.fail("it has no program that UEFI starts, nor a BIOS entry");
  return parse_architecture(view.at("architecture").get<std::string>());
}

bool is_iso(const DiskBytes& file) {
  constexpr std::uint64_t kDescriptor = 16 * 2048;
  return file.size() >= kDescriptor + 6 && file.read(kDescriptor + 1, 5) == "CD001";
}

void check_iso_view(const DiskBytes& file, const ViewContext& context, const ArtifactView& view) {
  check_iso(context.runner, file.path(), architecture_in(file, view), context.stop);
}

bool is_disk(const DiskBytes& file) {
  return file.size() >= 1024 && file.read(512, 8) == "EFI PART";
}

void check_disk_view(const DiskBytes& file, const ViewContext& context, const ArtifactView& view) {
  const auto& firmware = view.at("firmware");
  const bool uefi = std::find(firmware.begin(), firmware.end(), "uefi") != firmware.end();
  check_raw_disk(context.runner, file.path(), uefi ? DiskFirmware::kUefi : DiskFirmware::kBios,
                 architecture_in(file, view), context.stop);
}

void describe_vhd(const DiskBytes& file, const ViewContext& context, ArtifactView& view) {
  const auto footer = check_vhd(file);
  view["id"] = text_of(footer.id);
  describe_disk(DiskBytes(file.path(), footer.bytes), context, view);
}

void check_vhd_view(const DiskBytes& file, const ViewContext& /*context*/,
                    const ArtifactView& /*view*/) {
  check_vhd(file);
}

bool is_gce(const DiskBytes& file) { return is_gce_archive(file.path()); }

void describe_gce(const DiskBytes& file, const ViewContext& context, ArtifactView& view) {
  view["diskSize"] = check_gce_archive(file.path(), context.work, context.stop).disk_bytes;
}

bool is_squashfs(const DiskBytes& file) { return file.size() >= 96 && head_of(file, 4) == "hsqs"; }

/// Source: Linux Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h.
void describe_squashfs(const DiskBytes& file, const ViewContext& /*context*/, ArtifactView& view) {
  constexpr std::array kCompressions = {"gzip", "lzma", "lzo", "xz", "lz4", "zstd"};
  const auto superblock = head_of(file, 96);
  const auto compression = little_endian(superblock, 20, 2);
  view["compression"] = compression >= 1 && compression <= kCompressions.size()
                            ? kCompressions[compression - 1]
                            : "unknown";
  view["inodes"] = little_endian(superblock, 4, 4);
  view["blockSize"] = little_endian(superblock, 12, 4);
  view["created"] = little_endian(superblock, 8, 4);
  view["usedSize"] = little_endian(superblock, 40, 8);
}

void check_squashfs_view(const DiskBytes& file, const ViewContext& /*context*/,
                         const ArtifactView& view) {
  file.require(view.at("usedSize").get<std::uint64_t>() <= file.size(), "it is cut off");
}

bool is_ipxe(const DiskBytes& file) { return head_of(file, 6) == "#!ipxe"; }

void describe_ipxe(const DiskBytes& file, const ViewContext& /*context*/, ArtifactView& view) {
  constexpr std::size_t kMostBytes = 65536;
  std::istringstream lines(head_of(file, kMostBytes));
  for (std::string line; std::getline(lines, line);) {
    for (const std::string_view word : {"kernel ", "initrd ", "set base ", "chain "}) {
      if (line.starts_with(word)) view["commands"].push_back(line);
    }
  }
}

/// A kernel with an EFI stub is an EFI program as well, but no EFI program is a kernel.
bool is_kernel(const DiskBytes& file) {
  const auto head = head_of(file, kKernelHeadBytes);
  return head.size() == kKernelHeadBytes &&
         (head.substr(0x202, 4) == "HdrS" || head.substr(0x38, 4) == "ARM\x64");
}

void describe_kernel(const DiskBytes& file, const ViewContext& /*context*/, ArtifactView& view) {
  const auto head = head_of(file, kKernelHeadBytes);
  view["architecture"] = name_of(architecture_of_kernel(head).value());
  // Only x86 says which one it is. Source: Linux Documentation/x86/boot.rst, kernel_version.
  const auto at = 0x200 + little_endian(head, 0x20e, 2);
  if (head.substr(0x202, 4) == "HdrS" && at > 0x200 && file.size() > at + 128) {
    const auto version = file.read(at, 128);
    view["version"] = version.substr(0, version.find('\0'));
  }
}

void describe_efi_program(const DiskBytes& file, const ViewContext& context, ArtifactView& view) {
  const auto description = uki::describe_pe(file.path(), context.stop);
  view["kind"] = description.at("type");
  for (const auto& [key, value] : description.items()) {
    if (key != "type") view[key] = value;
  }
}

// In this order: an ISO can have a GPT as well, and a VHD begins as its disk does.
constexpr std::array<ArtifactViewRow, 8> kViews = {{
    {"iso", "ISO 9660 image", &is_iso, &describe_iso, &check_iso_view},
    {"vhd", "fixed VHD, as Azure takes it", &is_vhd, &describe_vhd, &check_vhd_view},
    {"raw-disk", "raw disk with a GPT", &is_disk, &describe_disk, &check_disk_view},
    {"gce", "disk archive, as Google Compute Engine takes it", &is_gce, &describe_gce, nullptr},
    {"squashfs", "squashfs", &is_squashfs, &describe_squashfs, &check_squashfs_view},
    {"ipxe", "iPXE script", &is_ipxe, &describe_ipxe, nullptr},
    {"kernel", "Linux kernel", &is_kernel, &describe_kernel, nullptr},
    {"efi-program", "EFI program", &uki::looks_like_pe, &describe_efi_program, nullptr},
}};

std::uint64_t stored_bytes(const std::filesystem::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512
                                            : 0;
}

/// Describes and checks; a fault of the file is a result, not a failure.
void add_row(const ArtifactViewRow& row, const DiskBytes& file, const ViewContext& context,
             ArtifactView& view) {
  try {
    row.describe(file, context, view);
    if (row.check != nullptr) row.check(file, context, view);
    view["check"] = "passed";
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kArtifactTool) throw;
    view["check"] = "failed";
    view["problem"] = error.facts().why;
  }
}

}  // namespace

ArtifactView view_artifact(const std::filesystem::path& file, const ViewContext& context) {
  const DiskBytes bytes(file);
  const auto row = std::find_if(kViews.begin(), kViews.end(),
                                [&](const ArtifactViewRow& one) { return one.matches(bytes); });
  if (row == kViews.end()) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("cannot inspect {}", file.string()),
                       .why = "it is no kind of file that we know",
                       .hint = "images are named as REF, oci:DIR, oci-archive:FILE or "
                               "docker-archive:FILE"});
  }
  ArtifactView view = {{"file", file.string()},
                       {"kind", row->kind},
                       {"title", row->title},
                       {"size", bytes.size()},
                       {"storedSize", stored_bytes(file)},
                       {"sha256", digest_of_file(file, context.stop).hex()}};
  add_row(*row, bytes, context, view);
  return view;
}

}  // namespace stages
