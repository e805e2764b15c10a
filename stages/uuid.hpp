// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace stages {

/// 16 bytes, in the order in which they are written.
using Uuid = std::array<std::uint8_t, 16>;

/// The UUID of a name in the namespace for URLs (version 5): the same name, the same UUID.
/// Source: RFC 9562, section 5.5.
Uuid uuid_of_name(std::string_view name);

/// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6".
std::string text_of(const Uuid& uuid);

}  // namespace stages
