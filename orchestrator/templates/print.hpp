// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

/// What a template shows where there is nothing.
inline constexpr std::string_view kNoValue = "<no value>";

/// A value as Go's fmt shows it with %v: nothing is "<nil>".
std::string to_text(const Value& value);

/// Blanks go between two values of which neither is a text. Source: Go, fmt.Sprint.
std::string print(const std::vector<Value>& values);

/// Blanks go between all, a newline after them. Source: Go, fmt.Sprintln.
std::string print_line(const std::vector<Value>& values);

/// printf with Go's verbs, flags, widths, precisions and argument indexes. What does not fit shows
/// in the text as Go shows it: "%!d(string=x)". Throws Problem, with `line`, for %b and %x of
/// fractions. Source: Go, fmt, "Printing".
std::string print_formatted(int line, std::string_view format, const std::vector<Value>& values);

}  // namespace orchestrator::templates
