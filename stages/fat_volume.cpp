// SPDX-License-Identifier: Apache-2.0
#include "stages/fat_volume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>

namespace stages {
namespace {

constexpr std::size_t kSector = 512;

std::string trimmed(std::string_view field) {
  const auto end = field.find_last_not_of(std::string_view(" \0", 2));
  return std::string(field.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

}  // namespace

std::optional<FatVolume> read_fat(const DiskBytes& disk, std::uint64_t offset) {
  if (disk.size() < offset + kSector) return std::nullopt;
  const auto sector = disk.read(offset, kSector);
  const auto number = [&](std::size_t at, std::size_t width) {
    return little_endian(sector, at, width);
  };
  const auto sector_bytes = number(11, 2);
  const auto cluster_sectors = number(13, 1);
  const auto tables = number(16, 1);
  if (number(510, 2) != 0xaa55 || sector_bytes < kSector || sector_bytes > 4096 ||
      cluster_sectors == 0 || tables == 0 || tables > 2) {
    return std::nullopt;
  }
  const auto sectors = number(19, 2) != 0 ? number(19, 2) : number(32, 4);
  const auto table_sectors = number(22, 2) != 0 ? number(22, 2) : number(36, 4);
  const auto root_sectors = (number(17, 2) * 32 + sector_bytes - 1) / sector_bytes;
  const auto before = number(14, 2) + tables * table_sectors + root_sectors;
  if (sectors <= before) return std::nullopt;
  const auto clusters = (sectors - before) / cluster_sectors;
  FatVolume volume{.kind = clusters < 4085    ? "FAT12"
                           : clusters < 65525 ? "FAT16"
                                              : "FAT32",
                   .label = {},
                   .bytes = sectors * sector_bytes};
  volume.label = trimmed(std::string_view(sector).substr(volume.kind == "FAT32" ? 71 : 43, 11));
  return volume;
}

std::vector<std::string> fat_names(base::ProcessRunner& runner, const DiskBytes& disk,
                                   std::uint64_t offset, const std::string& folder,
                                   std::stop_token stop) {
  const base::Command command{
      .program = base::require_program("mdir", "mtools").string(),
      .arguments = {"-b", "-i", fmt::format("{}@@{}", disk.path().string(), offset),
                    "::/" + folder},
      .environment = {},
      .working_directory = {},
      .input = {}};
  const auto listing = runner.run(command, {}, std::move(stop));
  if (listing.exit_status != 0) return {};
  std::vector<std::string> names;
  std::istringstream lines(listing.standard_output);
  for (std::string line; std::getline(lines, line);) {
    std::transform(line.begin(), line.end(), line.begin(), [](unsigned char character) {
      return static_cast<char>(std::tolower(character));
    });
    // "::/EFI/BOOT/grubx64.efi"
    if (line.starts_with("::/")) names.push_back(line.substr(3));
  }
  return names;
}

}  // namespace stages
