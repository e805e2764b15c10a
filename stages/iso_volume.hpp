// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stages {

/// What xorriso is told first: to write `output` as volume `label` with all dates, the volume's and
/// the GPT's identifiers from `epoch` (seconds since 1970) alone.
std::vector<std::string> iso_arguments(const std::string& label,
                                       const std::filesystem::path& output, std::int64_t epoch);

/// xorriso fills its last 64 KiB up with zeros; the volume, and with it the backup GPT, ends
/// before. Throws base::Error kArtifactTool when the file is shorter than its volume.
void cut_to_iso_volume(const std::filesystem::path& iso);

}  // namespace stages
