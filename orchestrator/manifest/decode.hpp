// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/node.hpp"
#include "orchestrator/manifest/schema.hpp"

// Reading the fields of a checked document: what is absent, or of a wrong type, is its default.

namespace orchestrator::manifest {

/// The member's value, or a null node.
inline const Node& child(const Node& node, std::string_view key) {
  static const Node nothing;
  const auto* found = node.find(key);
  return found ? *found : nothing;
}

inline bool flag(const Node& node, std::string_view key, bool otherwise = false) {
  return as_boolean(child(node, key)).value_or(otherwise);
}

/// The scalars of a list.
inline std::vector<std::string> list_of_texts(const Node& node, std::string_view key) {
  std::vector<std::string> texts;
  for (const auto& item : child(node, key).items) {
    if (item.is_scalar()) texts.push_back(item.scalar);
  }
  return texts;
}

/// The names in a list of LocalObjectReferences.
inline std::vector<std::string> list_of_names(const Node& node, std::string_view key) {
  std::vector<std::string> names;
  for (const auto& item : child(node, key).items) {
    if (auto name = item.text_of("name"); !name.empty()) names.push_back(std::move(name));
  }
  return names;
}

/// `decode(value)` of a member that is a mapping.
template <typename Decode>
auto optional_of(const Node& node, std::string_view key, Decode decode)
    -> std::optional<decltype(decode(node))> {
  const auto* found = node.find(key);
  if (!found || !found->is_mapping()) return std::nullopt;
  return decode(*found);
}

/// A mapping as JSON, or null.
inline nlohmann::json object_json(const Node& node, std::string_view key, std::string_view type) {
  const auto& object = child(node, key);
  return object.is_mapping() ? to_json(object, type) : nlohmann::json();
}

}  // namespace orchestrator::manifest
