// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace orchestrator::templates {

/// What a template is rendered with: names and texts.
using Values = std::map<std::string, std::string>;

/// What an expression of a template gives. The only map there can be is that of the values.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, const Values*>;

/// Go's word for its type: "string", "map[string]string"; "nil" for nothing.
std::string_view type_name(const Value& value);

/// Whether `if` takes it for true: anything but nil, false, 0 and what has no length.
bool is_true(const Value& value);

}  // namespace orchestrator::templates
