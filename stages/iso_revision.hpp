// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string_view>

#include "oci/digest.hpp"

namespace stages {

/// Writes to `output` the ISO that make_iso() would make with `cloud_config`, by way of a copy of
/// `iso`, which it made with another one, whose sha256 is `before`, and otherwise the same: the
/// contents of /config.yaml change, and its size in both directories (ISO 9660 and Joliet). False,
/// and nothing is written, where that is not all: another number of blocks, or a /config.yaml that
/// is not the one expected. Throws base::Error kIo, kNoSpace, kInterrupted, and kArtifactTool for
/// what is no ISO. Sources: ECMA-119, 8.4 and 9.1; Joliet Specification.
bool revise_iso(const std::filesystem::path& iso, const oci::Digest& before,
                std::string_view cloud_config, const std::filesystem::path& output,
                const std::stop_token& stop);

}  // namespace stages
