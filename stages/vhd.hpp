// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "stages/disk_bytes.hpp"
#include "stages/partial_file.hpp"
#include "stages/uuid.hpp"

namespace stages {

/// What a VHD's footer says.
struct VhdFooter {
  std::uint64_t bytes = 0;  ///< Of the disk, without the footer.
  Uuid id{};
  std::int64_t epoch = 0;  ///< Seconds since 1970; dates before 2000 become that.
};

inline constexpr std::size_t kVhdFooterBytes = 512;

/// The 512 bytes that end a fixed disk. Source: Virtual Hard Disk Image Format Specification 1.0,
/// "Hard Disk Footer Format" and the appendix on geometry.
std::string vhd_footer(const VhdFooter& footer);

/// Copies the disk `raw`, which is whole MiB long, to `output` as a VHD that Azure takes: fixed,
/// holes stay holes, blocks are shared where the file system can. By way of `output`.partial,
/// which `review` sees. Throws base::Error kArtifactTool, kIo or kNoSpace, or kInterrupted on
/// `stop`.
void make_vhd(const std::filesystem::path& raw, const std::filesystem::path& output,
              std::int64_t epoch, const std::stop_token& stop, const ReviewFile& review = {});

/// Whether a file ends as a VHD does.
bool is_vhd(const DiskBytes& file);

/// Makes sure that `file` is a VHD that Azure takes: a fixed disk of whole MiB, its footer with the
/// right checksum and size and an identifier; and that the disk has sound partition tables, the
/// second one at its end. Throws base::Error kArtifactTool. Source: as above, and "Prepare a
/// Windows VHD or VHDX to upload to Azure".
VhdFooter check_vhd(const DiskBytes& file);

}  // namespace stages
