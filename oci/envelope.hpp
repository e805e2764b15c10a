// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "oci/signing_key.hpp"

namespace oci {

// In-toto statements in signed envelopes. Source: DSSE v1.0, protocol.md.

/// The statement in an envelope that `key` has signed.
std::string sealed(std::string_view statement, const SigningKey& key);

/// The statement in an envelope that one of `keys` has signed; nullopt for any other text.
std::optional<std::string> unsealed(std::string_view envelope, std::span<const SigningKey> keys);

}  // namespace oci
