// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "orchestrator/manifest/source_text.hpp"

namespace orchestrator::manifest {

/// Why Kairos would not take `text` as a cloud-config, or nullopt: the first line must be
/// #cloud-config, #kairos-config or #node-config (after "## template: jinja", if it is a
/// template), the rest YAML mappings. A template's YAML is not looked at: it is none yet.
/// The message quotes keys, never values. Source: kairos-sdk, collector, HasValidHeader.
std::optional<TextProblem> check_cloud_config(std::string_view text);

}  // namespace orchestrator::manifest
