// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <sstream>

#include "stages/disk_bytes.hpp"
#include "stages/gpt_check.hpp"
#include "stages/grub_config.hpp"

namespace stages {
namespace {

constexpr std::uint64_t kBlock = 2048;
constexpr std::uint64_t kFirstDescriptor = 16 * kBlock;
constexpr std::uint64_t kPlatformEfi = 0xef;

void check_volume(const DiskBytes& iso) {
  const auto descriptor = iso.read(kFirstDescriptor, kBlock);
  iso.require(descriptor.substr(0, 6) ==
                  "\x01"
                  "CD001",
              "it has no ISO 9660 volume");
  const auto label = iso_volume_name(iso);
  iso.require(label == kIsoLabel, fmt::format("its volume is \"{}\", not {}", label, kIsoLabel));
  iso.require(little_endian(descriptor, 80, 4) * kBlock <= iso.size(),
              "it is shorter than its volume says");
}

/// The EFI system partition; El Torito must start from the same place.
std::uint64_t check_boot_records(const DiskBytes& iso, Architecture architecture) {
  const auto entries = read_iso_boot(iso);
  iso.require(entries.efi.has_value(), "its El Torito catalogue has no EFI entry");
  iso.require(entries.bios.has_value() || architecture != Architecture::kAmd64,
              "its El Torito catalogue has no BIOS entry");
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

base::Command command(std::string program, std::vector<std::string> arguments) {
  return {.program = std::move(program),
          .arguments = std::move(arguments),
          .environment = {},
          .working_directory = {},
          .input = {}};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char character) {
    return static_cast<char>(std::tolower(character));
  });
  return text;
}

void check_efi_program(base::ProcessRunner& runner, const DiskBytes& iso, std::uint64_t offset,
                       Architecture architecture, std::stop_token stop) {
  const auto listing = runner.run(
      command("mdir",
              {"-b", "-i", fmt::format("{}@@{}", iso.path().string(), offset), "::/EFI/BOOT"}),
      {}, std::move(stop));
  const std::string name = architecture == Architecture::kAmd64 ? "bootx64.efi" : "bootaa64.efi";
  const bool found = listing.exit_status == 0 &&
                     lower(listing.standard_output).find("/" + name) != std::string::npos;
  iso.require(found, fmt::format("its EFI partition has no EFI/BOOT/{}", name));
}

struct IsoFile {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// The files of the upper folders, by xorriso's lines
/// "File data lba:  0 ,  240 ,  2 ,  3141 , '/boot/grub2/grub.cfg'" (extent, block, blocks, bytes).
std::map<std::string, IsoFile> list_files(base::ProcessRunner& runner, const DiskBytes& iso,
                                          std::stop_token stop) {
  const auto listing = base::run_or_throw(
      runner,
      command("xorriso", {"-no_rc", "-indev", iso.path().string(), "-find", "/", "-maxdepth", "3",
                          "-type", "f", "-exec", "report_lba", "--"}),
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

const IsoFile& require_file(const DiskBytes& iso, const std::map<std::string, IsoFile>& files,
                            const std::string& name, std::uint64_t least_bytes) {
  const auto found = files.find(name);
  if (found == files.end()) iso.fail(fmt::format("it has no {}", name));
  iso.require(found->second.bytes >= least_bytes, fmt::format("its {} is empty", name));
  iso.require(found->second.offset + found->second.bytes <= iso.size(),
              fmt::format("its {} is cut off", name));
  return found->second;
}

void check_files(const DiskBytes& iso, const std::map<std::string, IsoFile>& files,
                 Architecture architecture) {
  require_file(iso, files, "/boot/initrd", 1);
  require_file(iso, files, "/boot/grub2/grub.cfg", 1);
  require_file(iso, files, "/config.yaml", 0);
  const auto& kernel = require_file(iso, files, "/boot/kernel", 1);
  const auto head =
      iso.read(kernel.offset, std::min<std::uint64_t>(kernel.bytes, kKernelHeadBytes));
  const auto actual = architecture_of_kernel(head);
  iso.require(!actual || *actual == architecture,
              fmt::format("its kernel is not for {}", name_of(architecture)));
  constexpr std::size_t kSuperblockBytes = 96;
  const auto& squashfs = require_file(iso, files, "/rootfs.squashfs", kSuperblockBytes);
  const auto superblock = iso.read(squashfs.offset, kSuperblockBytes);
  iso.require(superblock.starts_with("hsqs"), "its /rootfs.squashfs is no squashfs");
  iso.require(little_endian(superblock, 40, 8) <= squashfs.bytes,
              "its /rootfs.squashfs is cut off");
}

}  // namespace

std::string iso_volume_name(const DiskBytes& iso) {
  auto name = iso.read(kFirstDescriptor, kBlock).substr(40, 32);
  name.erase(name.find_last_not_of(' ') + 1);
  return name;
}

IsoBootEntries read_iso_boot(const DiskBytes& iso) {
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

void check_iso(base::ProcessRunner& runner, const std::filesystem::path& path,
               Architecture architecture, const std::stop_token& stop) {
  const DiskBytes iso(std::filesystem::absolute(path));
  check_volume(iso);
  const auto esp = check_boot_records(iso, architecture);
  check_efi_program(runner, iso, esp, architecture, stop);
  check_files(iso, list_files(runner, iso, stop), architecture);
}

}  // namespace stages
