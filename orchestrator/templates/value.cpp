// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/value.hpp"

#include <array>

namespace orchestrator::templates {
namespace {

struct Truth {
  bool operator()(std::monostate) const { return false; }
  bool operator()(bool value) const { return value; }
  bool operator()(std::int64_t value) const { return value != 0; }
  bool operator()(double value) const { return value != 0; }
  bool operator()(const std::string& value) const { return !value.empty(); }
  bool operator()(const Values* value) const { return !value->empty(); }
};

}  // namespace

std::string_view type_name(const Value& value) {
  constexpr std::array<std::string_view, std::variant_size_v<Value>> kNames = {
      "nil", "bool", "int", "float64", "string", "map[string]string"};
  return kNames.at(value.index());
}

bool is_true(const Value& value) { return std::visit(Truth{}, value); }

}  // namespace orchestrator::templates
