// SPDX-License-Identifier: Apache-2.0
// Tree -> ISO with the functions of stages/ alone, for boot tests: tree_to_iso ROOT WORK OUTPUT.iso
#include <fmt/format.h>

#include <cstdio>

#include "base/error.hpp"
#include "stages/iso_check.hpp"
#include "stages/iso_image.hpp"
#include "stages/squashfs.hpp"

namespace {

constexpr std::int64_t kEpoch = 1767225600;

void build(const std::filesystem::path& root_path, const std::filesystem::path& work,
           const std::filesystem::path& output) {
  base::SystemProcessRunner runner;
  const stages::RootTree root(root_path);
  const auto boot = stages::find_kernel(root);
  for (const auto& warning : boot.warnings) fmt::print(stderr, "warning: {}\n", warning);
  const auto squashfs = work / "rootfs.squashfs";
  stages::make_squashfs(runner, root_path, squashfs, {.epoch = kEpoch}, {}, {});
  const stages::IsoContents contents{
      .kernel = boot.kernel.file,
      .initrd = boot.initrd.file,
      .squashfs = squashfs,
      .efi =
          stages::find_efi_bootloader(root, stages::Architecture::kAmd64, stages::BootMedium::kIso),
      .bios_modules = stages::find_bios_grub(root).file,
      .cloud_config = "#cloud-config\n",
      .grub_config = {},
      .overlay = {},
      .flavor = stages::flavor_of(root)};
  stages::make_iso(runner, contents, output, {.menu = {}, .epoch = kEpoch, .work = work}, {}, {});
  stages::check_iso(runner, output, stages::Architecture::kAmd64, {});
}

}  // namespace

int main(int count, char** values) {
  if (count != 4) {
    fmt::print(stderr, "usage: tree_to_iso ROOT WORK OUTPUT.iso\n");
    return 2;
  }
  try {
    build(values[1], values[2], values[3]);
    return 0;
  } catch (const base::Error& error) {
    fmt::print(stderr, "{}\n", base::render(error));
    return base::exit_status(error.code());
  }
}
