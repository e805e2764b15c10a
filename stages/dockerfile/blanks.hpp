// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

inline constexpr std::string_view kBlanks = " \t\n\v\f\r";

inline bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

/// Without the blanks at its start; at both ends.
std::string_view trimmed_left(std::string_view text);
std::string_view trimmed(std::string_view text);

/// The parts between blanks; none is empty.
std::vector<std::string> split_at_blanks(std::string_view text);

/// ASCII letters alone.
std::string lower_case(std::string_view text);
std::string upper_case(std::string_view text);

}  // namespace stages::dockerfile
