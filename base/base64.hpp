// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// Standard alphabet, padded. Source: RFC 4648, section 4.
std::string base64_encode(std::string_view data);

/// Standard or URL-safe alphabet, padding optional, line ends ignored; nullopt for anything else.
std::optional<std::string> base64_decode(std::string_view text);

/// As Kubernetes reads the data of a Secret: the standard alphabet alone, padding required.
std::optional<std::string> base64_decode_strict(std::string_view text);

}  // namespace base
