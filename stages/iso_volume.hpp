// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace stages {

/// Where the first partition of a live ISO begins, in blocks of 2048 bytes: a volume with folders
/// of its own lies there, which a stick is mounted by. Source: xorriso(1), partition_offset.
inline constexpr std::uint64_t kIsoPartitionBlock = 16;

/// "2026010112000000", as volumes and xorriso write a date: to hundredths of a second, in UTC.
std::string iso_date(std::int64_t epoch);

/// xorriso fills its last 64 KiB up with zeros; the volume, and with it the backup GPT, ends
/// before. Throws base::Error kArtifactTool when the file is shorter than its volume.
void cut_to_iso_volume(const std::filesystem::path& iso);

}  // namespace stages
