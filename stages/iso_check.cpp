// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "stages/disk_bytes.hpp"
#include "stages/grub_config.hpp"
#include "stages/iso_reading.hpp"

namespace stages {
namespace {

/// The EFI system partition; El Torito must start from the same place.
std::uint64_t check_boot_records(const DiskBytes& iso, Architecture architecture) {
  const auto entries = read_boot_catalog(iso);
  iso.require(entries.bios.has_value() || architecture != Architecture::kAmd64,
              "its El Torito catalogue has no BIOS entry");
  return check_efi_partition(iso, entries);
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

void check_files(const DiskBytes& iso, const std::map<std::string, IsoFile>& files,
                 Architecture architecture) {
  require_iso_file(iso, files, "/boot/initrd", 1);
  require_iso_file(iso, files, "/boot/grub2/grub.cfg", 1);
  require_iso_file(iso, files, "/config.yaml", 0);
  const auto& kernel = require_iso_file(iso, files, "/boot/kernel", 1);
  const auto head =
      iso.read(kernel.offset, std::min<std::uint64_t>(kernel.bytes, kKernelHeadBytes));
  const auto actual = architecture_of_kernel(head);
  iso.require(!actual || *actual == architecture,
              fmt::format("its kernel is not for {}", name_of(architecture)));
  constexpr std::size_t kSuperblockBytes = 96;
  const auto& squashfs = require_iso_file(iso, files, "/rootfs.squashfs", kSuperblockBytes);
  const auto superblock = iso.read(squashfs.offset, kSuperblockBytes);
  iso.require(superblock.starts_with("hsqs"), "its /rootfs.squashfs is no squashfs");
  iso.require(little_endian(superblock, 40, 8) <= squashfs.bytes,
              "its /rootfs.squashfs is cut off");
}

}  // namespace

void check_iso(base::ProcessRunner& runner, const std::filesystem::path& path,
               Architecture architecture, const std::stop_token& stop) {
  const DiskBytes iso(std::filesystem::absolute(path));
  check_iso_volume(iso, kIsoLabel);
  const auto esp = check_boot_records(iso, architecture);
  check_efi_program(runner, iso, esp, architecture, stop);
  check_files(iso, list_iso_files(runner, iso, stop), architecture);
}

}  // namespace stages
