// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

/// A number of Go, signed: 12, 0x1F, 0o17, 0b11, 1_000, 1.5, 1e3. nullopt for what is none, what 64
/// bits cannot hold, and imaginary ones. Source: Go specification, "Integer literals".
std::optional<Value> parse_number(std::string_view text);

/// A text in "..." or `...`, or the number of the character in '...', quotes included. nullopt for
/// an escape that Go does not know. Source: Go specification, "Rune literals".
std::optional<Value> parse_quoted(std::string_view text);

/// The code point as UTF-8; U+FFFD for what is none.
std::string utf8(char32_t code_point);

/// Takes one code point off the front of `text`; nullopt, and one byte less, where it is no UTF-8.
std::optional<char32_t> take_code_point(std::string_view& text);

}  // namespace orchestrator::templates
