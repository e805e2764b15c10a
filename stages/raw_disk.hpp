// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/process.hpp"
#include "stages/bootloader.hpp"
#include "stages/disk_layout.hpp"
#include "stages/partial_file.hpp"
#include "stages/tree_scan.hpp"

namespace stages {

/// What goes onto a raw disk besides the root.
struct RawDiskContents {
  std::filesystem::path root;        ///< The tree; read once, never changed.
  std::string grub_config;           ///< The system's menu, /etc/cos/grub.cfg.
  std::string cloud_config;          ///< Empty: a default user. Secrets live in it.
  std::optional<EfiBootloader> efi;  ///< For UEFI.
  std::optional<std::filesystem::path> bios_modules;  ///< For BIOS: GRUB's i386-pc.
  std::string flavor;                                 ///< As flavor_of() gives it.
};

struct RawDiskOptions {
  DiskLayout layout;           ///< As lay_out_disk() gives it for the scanned root.
  std::int64_t epoch = 0;      ///< Date of what we add, seconds since 1970.
  std::filesystem::path work;  ///< An existing folder for small files; they are removed.
};

/// Writes a disk that installs itself on its first boot to `output`, by way of `output`.partial,
/// which `review` sees: sparse, each byte of the root once. The same tree and options give the same
/// bytes. Throws base::Error kArtifactTool, kNoSpace or kIo, or kInterrupted on `stop`, and leaves
/// nothing then.
void make_raw_disk(base::ProcessRunner& runner, const RawDiskContents& contents,
                   const TreeScan& scan, const std::filesystem::path& output,
                   const RawDiskOptions& options, const BytesSink& written,
                   const std::stop_token& stop, const ReviewFile& review = {});

}  // namespace stages
