// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stop_token>

namespace stages {

/// What a file is, ours or not, by its own bytes: an object whose "type" says which kind, with what
/// that kind has to tell. Throws base::Error kArtifactTool when it is damaged, kUsage when it is
/// nothing that we know.
nlohmann::json inspect_file(const std::filesystem::path& file, const std::stop_token& stop);

}  // namespace stages
