// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "oci/digest.hpp"
#include "stages/file_change.hpp"

namespace stages {

/// How `iso`, which make_iso() made with a cloud-config whose sha256 is `before`, becomes the one
/// it would make with `cloud_config` and all else the same: the contents of /config.yaml, and its
/// size in the directories (ISO 9660 and Joliet). Nothing where that is not all: another number of
/// blocks, or a /config.yaml that is not the one expected. The caller wipes the bytes. Throws
/// base::Error kIo, and kArtifactTool for what is no ISO. Sources: ECMA-119, 8.4 and 9.1; Joliet
/// Specification.
std::optional<std::vector<FileChange>> changes_for_config(const std::filesystem::path& iso,
                                                          const oci::Digest& before,
                                                          std::string_view cloud_config);

}  // namespace stages
