// SPDX-License-Identifier: Apache-2.0
#include "stages/iso_staging.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"
#include "stages/efi_image.hpp"
#include "stages/eltorito_image.hpp"

namespace stages {
namespace {

using std::filesystem::path;

/// Into our own folder, which goes soon: nothing waits for the disk.
void put(const path& file, std::string_view content, mode_t mode = 0644) {
  base::make_directories(file.parent_path());
  const base::FileDescriptor fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", file.string()));
  base::write_all(fd.get(), std::as_bytes(std::span(content)), file.string());
}

/// Where GRUB looks for its first file: the firmware's folder, the prefix of Debian's CD build, and
/// the one of Ubuntu's builds.
std::vector<std::string> finder_places(const std::string& flavor) {
  std::vector<std::string> places = {"EFI/BOOT/grub.cfg", "boot/grub/grub.cfg"};
  if (flavor.find("ubuntu") != std::string::npos) places.emplace_back("EFI/ubuntu/grub.cfg");
  return places;
}

std::vector<FatFile> efi_files(const IsoContents& contents, const path& folder) {
  const auto& efi = contents.efi;
  std::vector<FatFile> files;
  const std::string boot = "EFI/BOOT/";
  if (efi.shim) files.push_back({.source = efi.shim->file, .target = boot + efi.fallback_name});
  files.push_back(
      {.source = efi.grub.file, .target = boot + (efi.shim ? efi.grub_name : efi.fallback_name)});
  for (const auto& place : finder_places(contents.flavor)) {
    files.push_back({.source = folder / place, .target = place});
  }
  return files;
}

}  // namespace

void stage_iso_tree(base::ProcessRunner& runner, const IsoContents& contents,
                    const IsoOptions& options, const path& folder, const std::stop_token& stop) {
  put(folder / "config.yaml", contents.cloud_config, 0600);
  put(folder / "boot/grub2/grub.cfg",
      contents.grub_config ? *contents.grub_config : grub_live_menu(options.menu));
  for (const auto& place : finder_places(contents.flavor)) put(folder / place, grub_finder());
  make_fat_image(runner, efi_files(contents, folder), folder / "boot/uefi.img",
                 {.label = "EFI_LIVE", .bytes = 0, .epoch = options.epoch}, stop);
  if (!contents.bios_modules) return;
  make_eltorito_image(runner, *contents.bios_modules, folder / "boot/eltorito.img", stop);
  std::filesystem::copy_file(*contents.bios_modules / "boot_hybrid.img",
                             folder / "boot/boot_hybrid.img");
}

}  // namespace stages
