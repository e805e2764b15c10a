// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace stages {

/// "2026010112000000", as volumes and xorriso write a date: to hundredths of a second, in UTC.
std::string iso_date(std::int64_t epoch);

/// xorriso fills its last 64 KiB up with zeros; the volume, and with it the backup GPT, ends
/// before. Throws base::Error kArtifactTool when the file is shorter than its volume.
void cut_to_iso_volume(const std::filesystem::path& iso);

}  // namespace stages
