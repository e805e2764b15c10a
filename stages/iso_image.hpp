// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/process.hpp"
#include "stages/architecture.hpp"
#include "stages/bootloader.hpp"
#include "stages/grub_config.hpp"
#include "stages/partial_file.hpp"

namespace stages {

/// What goes onto a live ISO. Kernel, initrd and squashfs are read from where they are.
struct IsoContents {
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::filesystem::path squashfs;
  EfiBootloader efi;
  std::optional<std::filesystem::path> bios_modules;  ///< GRUB's i386-pc; none: EFI only.
  std::string cloud_config;                ///< /config.yaml; may be empty. Secrets live in it.
  std::optional<std::string> grub_config;  ///< Instead of our menu.
  std::optional<std::filesystem::path> overlay;  ///< A folder laid over the ISO's tree.
  std::string flavor;                            ///< As flavor_of() gives it.
};

struct IsoOptions {
  GrubMenuOptions menu;
  std::int64_t epoch = 0;      ///< Date of everything, seconds since 1970.
  std::filesystem::path work;  ///< An existing folder for small files; they are removed.
};

/// Writes a hybrid live ISO (BIOS and UEFI; CD, stick and disk) to `output`, by way of
/// `output`.partial, which `review` sees while the disk takes it. The same contents and options
/// give the same bytes. Throws base::Error kArtifactTool or kIo, or kInterrupted on `stop`, and
/// leaves nothing then.
void make_iso(base::ProcessRunner& runner, const IsoContents& contents,
              const std::filesystem::path& output, const IsoOptions& options,
              const ReviewFile& review, std::stop_token stop);

}  // namespace stages
