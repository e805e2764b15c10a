// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace orchestrator::manifest {

enum class Shape { kOne, kList, kMap };

/// A type of the schema tables, taken apart: "[name]EnvVar" is a list of EnvVar, unique by name.
struct TypeExpression {
  Shape shape = Shape::kOne;
  std::string_view element;  ///< The type of one element, or the type itself.
  std::string_view unique;   ///< Keys that make entries differ, "a,b"; "=" for the entry itself.
};

constexpr TypeExpression parse_type(std::string_view type) {
  if (type.starts_with("{}")) return {Shape::kMap, type.substr(2), {}};
  if (!type.starts_with('[')) return {Shape::kOne, type, {}};
  const auto close = type.find(']');
  return {Shape::kList, type.substr(close + 1), type.substr(1, close - 1)};
}

}  // namespace orchestrator::manifest
