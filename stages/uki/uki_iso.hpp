// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "base/process.hpp"
#include "stages/architecture.hpp"
#include "stages/partial_file.hpp"

namespace stages::uki {

/// The volume that immucore looks for. Source: immucore, internal/constants, UkiLivecdPath.
inline constexpr const char* kUkiIsoLabel = "UKI_ISO_INSTALL";
/// The EFI partition as a file, which immucore mounts. Source: ibid., UkiIsoBootImage.
inline constexpr const char* kBootImageName = "efiboot.img";

struct UkiIsoContents {
  std::filesystem::path boot_folder;             ///< What the EFI partition holds.
  std::string cloud_config;                      ///< /config.yaml; empty: none. Secrets live in it.
  std::optional<std::filesystem::path> overlay;  ///< A folder laid over the ISO's tree.
  std::int64_t epoch = 0;                        ///< Date of everything, seconds since 1970.
  std::filesystem::path work;                    ///< An existing folder; what is made in it goes.
};

/// Writes an ISO that UEFI starts from CD and stick to `output`, by way of `output`.partial,
/// which `review` sees. The
/// same contents give the same bytes. Throws base::Error kArtifactTool, kIo or kNoSpace, or
/// kInterrupted on `stop`, and leaves nothing then.
void make_uki_iso(base::ProcessRunner& runner, const UkiIsoContents& contents,
                  const std::filesystem::path& output, std::stop_token stop,
                  const ReviewFile& review = {});

/// Reads a finished ISO back: volume, El Torito and GPT agree on the FAT32 file system that is also
/// a file of the ISO, and in it lie all files of `boot_folder`, byte for byte. Copies go to `work`,
/// an existing folder, and from there. Throws base::Error kArtifactTool saying what is wrong.
void check_uki_iso(base::ProcessRunner& runner, const std::filesystem::path& iso,
                   const std::filesystem::path& boot_folder, const std::filesystem::path& work,
                   const std::stop_token& stop);

}  // namespace stages::uki
