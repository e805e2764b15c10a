// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace oci {

/// Parses a document of foreign origin: no duplicate keys, at most 64 levels deep.
/// Throws base::Error kIntegrity; `what` names the document ("the manifest of ...").
nlohmann::json parse_json(std::string_view text, std::string_view what);

}  // namespace oci
