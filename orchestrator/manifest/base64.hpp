// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orchestrator::manifest {

/// The bytes of standard base64 (RFC 4648, section 4, padding required; line ends are skipped, as
/// Kubernetes does), or nullopt.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace orchestrator::manifest
