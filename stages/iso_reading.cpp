// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_reading.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "stages/gpt_check.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kBlock = 2048;
constexpr std::uint64_t kFirstDescriptor = 16 * kBlock;
constexpr std::uint64_t kPlatformEfi = 0xef;

}  // namespace

std::string iso_volume_name(const DiskBytes& iso) {
  auto name = iso.read(kFirstDescriptor, kBlock).substr(40, 32);
  name.erase(name.find_last_not_of(' ') + 1);
  return name;
}

void check_iso_volume(const DiskBytes& iso, std::string_view wanted) {
  const auto descriptor = iso.read(kFirstDescriptor, kBlock);
  iso.require(descriptor.substr(0, 6) ==
                  "\x01"
                  "CD001",
              "it has no ISO 9660 volume");
  const auto label = iso_volume_name(iso);
  iso.require(label == wanted, fmt::format("its volume is \"{}\", not {}", label, wanted));
  iso.require(little_endian(descriptor, 80, 4) * kBlock <= iso.size(),
              "it is shorter than its volume says");
}

/// Source: El Torito 1.0, "The Boot Catalog".
IsoBootEntries read_boot_catalog(const DiskBytes& iso) {
  const auto record = iso.read(kFirstDescriptor + kBlock, kBlock);
  iso.require(record.substr(7, 23) == "EL TORITO SPECIFICATION", "it has no El Torito record");
  const auto catalog = iso.read(little_endian(record, 0x47, 4) * kBlock, kBlock);
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < 32; at += 2) sum += little_endian(catalog, at, 2);
  iso.require(catalog[0] == 1 && (sum & 0xffffU) == 0 && little_endian(catalog, 30, 2) == 0xaa55,
              "its El Torito catalogue is broken");
  IsoBootEntries entries;
  auto platform = little_endian(catalog, 1, 1);
  for (std::size_t at = 32; at + 32 <= catalog.size(); at += 32) {
    const auto kind = little_endian(catalog, at, 1);
    if (kind == 0x90 || kind == 0x91) platform = little_endian(catalog, at + 1, 1);
    if (kind != 0x88) continue;
    auto& entry = platform == kPlatformEfi ? entries.efi : entries.bios;
    entry = little_endian(catalog, at + 8, 4) * kBlock;
  }
  return entries;
}

std::uint64_t check_efi_partition(const DiskBytes& iso, const IsoBootEntries& entries) {
  iso.require(entries.efi.has_value(), "its El Torito catalogue has no EFI entry");
  const auto partitions = check_gpt(iso);
  const auto esp = std::find_if(partitions.begin(), partitions.end(), [](const auto& partition) {
    return partition.type == kEfiSystemType;
  });
  iso.require(esp != partitions.end(), "its GPT has no EFI system partition");
  iso.require(esp->offset == *entries.efi, "its EFI entry does not point at the EFI partition");
  iso.require(little_endian(iso.read(esp->offset, 512), 510, 2) == 0xaa55,
              "its EFI partition is no FAT file system");
  return esp->offset;
}

/// By xorriso's lines
/// "File data lba:  0 ,  240 ,  2 ,  3141 , '/boot/grub2/grub.cfg'" (extent, block, blocks, bytes).
std::map<std::string, IsoFile> list_iso_files(base::ProcessRunner& runner, const DiskBytes& iso,
                                              std::stop_token stop) {
  const auto listing = base::run_or_throw(
      runner,
      {.program = "xorriso",
       .arguments = {"-no_rc", "-indev", iso.path().string(), "-find", "/", "-maxdepth", "3",
                     "-type", "f", "-exec", "report_lba", "--"},
       .environment = {},
       .working_directory = {},
       .input = {}},
      base::ErrorCode::kArtifactTool, {}, std::move(stop));
  std::map<std::string, IsoFile> files;
  std::istringstream lines(listing.standard_output);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("File data lba:")) continue;
    const auto quote = line.find('\'');
    std::istringstream numbers(line.substr(14, quote == std::string::npos ? quote : quote - 14));
    std::uint64_t extent = 0;
    std::uint64_t block = 0;
    std::uint64_t blocks = 0;
    IsoFile file;
    char comma = 0;
    numbers >> extent >> comma >> block >> comma >> blocks >> comma >> file.bytes;
    if (numbers.fail() || quote == std::string::npos || extent != 0) continue;
    file.offset = block * kBlock;
    files.emplace(line.substr(quote + 1, line.rfind('\'') - quote - 1), file);
  }
  return files;
}

const IsoFile& require_iso_file(const DiskBytes& iso, const std::map<std::string, IsoFile>& files,
                                const std::string& name, std::uint64_t least_bytes) {
  const auto found = files.find(name);
  if (found == files.end()) iso.fail(fmt::format("it has no {}", name));
  iso.require(found->second.bytes >= least_bytes, fmt::format("its {} is empty", name));
  iso.require(found->second.offset + found->second.bytes <= iso.size(),
              fmt::format("its {} is cut off", name));
  return found->second;
}

}  // namespace stages
