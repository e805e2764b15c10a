// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/uki_iso.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "stages/efi_image.hpp"
#include "stages/file_digest.hpp"
#include "stages/iso_reading.hpp"
#include "stages/iso_volume.hpp"
#include "stages/uki/boot_folder.hpp"

namespace stages::uki {
namespace {

using std::filesystem::path;

void make_boot_image(base::ProcessRunner& runner, const path& boot_folder, const path& image,
                     std::int64_t epoch, const std::stop_token& stop) {
  std::vector<FatFile> files;
  for (const auto& name : files_below(boot_folder)) {
    files.push_back({.source = boot_folder / name, .target = name});
  }
  make_fat_image(runner, files, image,
                 {.label = "UKI_BOOT", .bytes = 0, .epoch = epoch, .fat32 = true}, stop);
}

/// A path as mkisofs's graft points have it. Source: xorrisofs(1), -graft-points.
std::string escaped(const path& folder) {
  std::string text;
  for (const char character : folder.string()) {
    if (character == '=' || character == '\\') text += '\\';
    text += character;
  }
  return text;
}

/// In mkisofs's words: in its own, xorriso 1.5.4 lays the partition that is a file of the ISO over
/// another.
base::Command xorriso(const UkiIsoContents& contents, const path& staging, const path& output) {
  base::Command command{.program = base::require_program("xorriso", "xorriso").string(),
                        .arguments = {"-no_rc", "-stdio_sync", "off", "-as", "mkisofs", "-quiet",
                                      "-o", output.string(), "-V", kUkiIsoLabel, "-iso-level", "3",
                                      "-R", "-uid", "0", "-gid", "0", "-no-pad"},
                        .environment = {fmt::format("SOURCE_DATE_EPOCH={}", contents.epoch)},
                        .working_directory = {},
                        .input = {}};
  auto& arguments = command.arguments;
  arguments.insert(
      arguments.end(),
      {"--modification-date=" + iso_date(contents.epoch), "--set_all_file_dates",
       fmt::format("={}", contents.epoch), "--gpt_disk_guid", "modification-date",
       "--protective-msdos-label", "-c", "boot.catalog", "-e", kBootImageName, "-no-emul-boot",
       "-efi-boot-part", "--efi-boot-image", "-graft-points", "/=" + escaped(staging)});
  if (contents.overlay) arguments.push_back("/=" + escaped(*contents.overlay));
  return command;
}

std::string sha256_of_file(base::ProcessRunner& runner, const DiskBytes& iso, std::uint64_t offset,
                           const std::string& name, const path& work, const std::stop_token& stop) {
  const auto copy = work / "copy";
  base::run_or_throw(
      runner,
      {.program = "mcopy",
       .arguments = {"-n", "-o", "-i", fmt::format("{}@@{}", iso.path().string(), offset),
                     "::/" + name, copy.string()},
       .environment = {},
       .working_directory = {},
       .input = {}},
      base::ErrorCode::kArtifactTool, {}, stop);
  return digest_of_file(copy, stop).text();
}

/// Firmware tells FAT32 by the number of clusters; the field here is what mformat meant.
void check_fat32(const DiskBytes& iso, std::uint64_t offset) {
  const auto boot = iso.read(offset, 512);
  const auto sectors = little_endian(boot, 32, 4);
  const auto tables =
      little_endian(boot, 14, 2) + little_endian(boot, 16, 1) * little_endian(boot, 36, 4);
  const auto per_cluster = std::max<std::uint64_t>(little_endian(boot, 13, 1), 1);
  constexpr std::uint64_t kLeastClusters = 65525;
  iso.require(boot.compare(82, 5, "FAT32") == 0 && tables < sectors &&
                  (sectors - tables) / per_cluster >= kLeastClusters,
              "its EFI partition is not FAT32");
}

}  // namespace

void make_uki_iso(base::ProcessRunner& runner, const UkiIsoContents& contents, const path& output,
                  std::stop_token stop, const ReviewFile& review) {
  const base::TempDir staging(contents.work, "uki-iso");
  make_boot_image(runner, contents.boot_folder, staging.path() / kBootImageName, contents.epoch,
                  stop);
  if (!contents.cloud_config.empty()) {
    base::write_file_atomically(staging.path() / "config.yaml", contents.cloud_config, 0600);
  }
  PartialFile partial(std::filesystem::absolute(output));
  base::run_or_throw(runner, xorriso(contents, staging.path(), partial.path()),
                     base::ErrorCode::kArtifactTool, {}, std::move(stop));
  cut_to_iso_volume(partial.path());
  partial.commit(review);
}

void check_uki_iso(base::ProcessRunner& runner, const path& iso_file, const path& boot_folder,
                   const path& work, const std::stop_token& stop) {
  const DiskBytes iso(std::filesystem::absolute(iso_file));
  check_iso_volume(iso, kUkiIsoLabel);
  const auto offset = check_efi_partition(iso, read_boot_catalog(iso));
  const auto files = list_iso_files(runner, iso, stop);
  const auto& image = require_iso_file(iso, files, fmt::format("/{}", kBootImageName), 1);
  iso.require(image.offset == offset,
              fmt::format("its /{} is not its EFI partition", kBootImageName));
  check_fat32(iso, offset);
  const base::TempDir copies(work, "uki-check");
  for (const auto& name : files_below(boot_folder)) {
    iso.require(sha256_of_file(runner, iso, offset, name, copies.path(), stop) ==
                    digest_of_file(boot_folder / name, stop).text(),
                fmt::format("its {} is not as it was written", name));
  }
}

}  // namespace stages::uki
