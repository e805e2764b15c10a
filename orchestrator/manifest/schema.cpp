// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/schema.hpp"

#include <algorithm>

#include "orchestrator/manifest/type_expression.hpp"

namespace orchestrator::manifest {
namespace {

nlohmann::json untyped_scalar(const Node& node) {
  switch (scalar_type(node)) {
    case ScalarType::kNull:
      return nullptr;
    case ScalarType::kBoolean:
      return *as_boolean(node);
    case ScalarType::kInteger:
      return *as_integer(node);
    case ScalarType::kFloat:
      return as_float(node).value_or(0);
    case ScalarType::kString:
      return node.scalar;
  }
  return nullptr;
}

nlohmann::json scalar_json(const Node& node, std::string_view type) {
  if (type == "boolean") return as_boolean(node).value_or(false);
  if (type == "int32" || type == "int64") return as_integer(node).value_or(0);
  if (type == "int-or-string") {
    const auto number = as_integer(node);
    return number ? nlohmann::json(*number) : nlohmann::json(node.scalar);
  }
  if (type == "any") return untyped_scalar(node);
  return node.scalar;
}

std::string_view type_of_field(const TypeSchema* schema, std::string_view name) {
  if (!schema) return "any";
  const auto field = std::find_if(schema->fields.begin(), schema->fields.end(),
                                  [name](const Field& f) { return f.name == name; });
  return field == schema->fields.end() ? "any" : field->type;
}

}  // namespace

const TypeSchema* find_type(std::string_view name) {
  for (const auto& types : {osartifact_types(), node_op_types(), container_types(), job_types(),
                            scheduling_types(), volume_types()}) {
    const auto found = std::find_if(types.begin(), types.end(),
                                    [name](const TypeSchema& type) { return type.name == name; });
    if (found != types.end()) return &*found;
  }
  return nullptr;
}

nlohmann::json to_json(const Node& node, std::string_view type) {
  const auto expression = parse_type(type);
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kScalar:
      return scalar_json(node, type);
    case Node::Kind::kSequence: {
      auto list = nlohmann::json::array();
      const auto element = expression.shape == Shape::kList ? expression.element : "any";
      for (const auto& item : node.items) list.push_back(to_json(item, element));
      return list;
    }
    case Node::Kind::kMapping: {
      auto object = nlohmann::json::object();
      const auto* schema = find_type(type);
      for (const auto& member : node.members) {
        if (member.value.is_null()) continue;
        const auto of = expression.shape == Shape::kMap ? expression.element
                                                        : type_of_field(schema, member.key);
        object[member.key] = to_json(member.value, of);
      }
      return object;
    }
  }
  return nullptr;
}

}  // namespace orchestrator::manifest
