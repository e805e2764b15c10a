// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_selection.hpp"

#include <algorithm>

namespace orchestrator::kubernetes {
namespace {

const Object& member(const Object& object, const char* key) {
  static const Object nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

bool matches_expression(const Object& expression, const Object& labels) {
  const auto wanted = text_at(expression, "/operator");
  const auto& value = member(labels, text_at(expression, "/key").c_str());
  if (wanted == "Exists") return !value.is_null();
  if (wanted == "DoesNotExist") return value.is_null();
  const auto& values = member(expression, "values");
  const bool among = std::find(values.begin(), values.end(), value) != values.end();
  return wanted == "In" ? among : wanted == "NotIn" && !among;
}

bool is_control_plane(const Object& node) {
  const auto* labels = find_at(node, "/metadata/labels");
  return labels != nullptr && (labels->contains("node-role.kubernetes.io/control-plane") ||
                               labels->contains("node-role.kubernetes.io/master"));
}

}  // namespace

bool matches(const Object& selector, const Object& labels) {
  for (const auto& [key, value] : member(selector, "matchLabels").items()) {
    if (member(labels, key.c_str()) != value) return false;
  }
  const auto& expressions = member(selector, "matchExpressions");
  return std::all_of(expressions.begin(), expressions.end(), [&](const Object& expression) {
    return matches_expression(expression, labels);
  });
}

std::vector<std::shared_ptr<const Object>> select_nodes(
    const manifest::NodeOp& op, const std::vector<std::shared_ptr<const Object>>& nodes) {
  std::vector<std::shared_ptr<const Object>> meant;
  for (const auto& node : nodes) {
    const auto& names = op.target_nodes;
    const bool named =
        names.empty() || std::find(names.begin(), names.end(), name_of(*node).name) != names.end();
    const auto* labels = find_at(*node, "/metadata/labels");
    if (named && matches(op.node_selector, labels == nullptr ? Object() : *labels)) {
      meant.push_back(node);
    }
  }
  std::sort(meant.begin(), meant.end(), [](const auto& a, const auto& b) {
    const bool first = is_control_plane(*a);
    const bool second = is_control_plane(*b);
    return first != second ? first : name_of(*a).name < name_of(*b).name;
  });
  return meant;
}

bool is_ready(const Object& node) {
  const auto* conditions = find_at(node, "/status/conditions");
  return conditions != nullptr &&
         std::any_of(conditions->begin(), conditions->end(), [](const Object& condition) {
           return text_at(condition, "/type") == "Ready" && text_at(condition, "/status") == "True";
         });
}

std::string boot_id_of(const Object& node) { return text_at(node, "/status/nodeInfo/bootID"); }

}  // namespace orchestrator::kubernetes
