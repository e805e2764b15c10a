// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "base/format.hpp"
#include "orchestrator/manifest/grammar.hpp"
#include "orchestrator/manifest/schema.hpp"
#include "orchestrator/manifest/type_expression.hpp"

namespace orchestrator::manifest {
namespace {

/// What a node is, in the words of the one who wrote it.
std::string_view kind_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMapping:
      return "a mapping";
    case Node::Kind::kScalar:
      break;
  }
  switch (scalar_type(node)) {
    case ScalarType::kNull:
      return "null";
    case ScalarType::kBoolean:
      return "a boolean";
    case ScalarType::kInteger:
    case ScalarType::kFloat:
      return "a number";
    case ScalarType::kString:
      return "a string";
  }
  return "a string";
}

class Checker {
 public:
  explicit Checker(Report& report) : report_(report) {}
  void check(const Node& node, std::string_view type, const std::string& path);

 private:
  void check_list(const Node& node, const TypeExpression& type, const std::string& path);
  void check_unique(const Node& node, std::string_view keys, const std::string& path);
  void check_map(const Node& node, std::string_view element, const std::string& path);
  void check_object(const Node& node, const TypeSchema& schema, const std::string& path);
  void check_scalar(const Node& node, std::string_view type, const std::string& path);
  void check_string(const Node& node, std::string_view type, const std::string& path);
  void check_integer(const Node& node, std::string_view type, const std::string& path);
  void wrong_type(const Node& node, std::string_view wanted, const std::string& path,
                  std::string hint = "");

  Report& report_;
  std::optional<Position> object_;  // Key of the object being checked, for absent fields.
};

void Checker::wrong_type(const Node& node, std::string_view wanted, const std::string& path,
                         std::string hint) {
  report_.error(place_of(node, path), fmt::format("must be {}, not {}", wanted, kind_of(node)),
                std::move(hint));
}

void Checker::check(const Node& node, std::string_view type, const std::string& path) {
  if (node.is_null() || type == "any") return;
  const auto expression = parse_type(type);
  if (expression.shape == Shape::kList) return check_list(node, expression, path);
  if (expression.shape == Shape::kMap) return check_map(node, expression.element, path);
  if (const auto* schema = find_type(type)) return check_object(node, *schema, path);
  check_scalar(node, type, path);
}

void Checker::check_list(const Node& node, const TypeExpression& type, const std::string& path) {
  if (!node.is_sequence()) return wrong_type(node, "a list", path, "begin each entry with -");
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const auto item_path = fmt::format("{}[{}]", path, i);
    if (node.items[i].is_null()) {
      report_.error(place_of(node.items[i], item_path), "an entry of a list must not be empty");
      continue;
    }
    object_ = node.items[i].position;
    check(node.items[i], type.element, item_path);
  }
  if (!type.unique.empty()) check_unique(node, type.unique, path);
}

/// Source: Kubernetes' x-kubernetes-list-type: map and set.
void Checker::check_unique(const Node& node, std::string_view keys, const std::string& path) {
  std::map<std::string, Position> seen;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const auto& item = node.items[i];
    std::string identity = item.scalar;
    for (auto rest = keys; keys != "=" && !rest.empty();) {
      const auto comma = std::min(rest.find(','), rest.size());
      const auto key = rest.substr(0, comma);
      const auto value = item.text_of(key);
      // The API's default for the one such key that has one.
      identity += '\n' + (value.empty() && key == "protocol" ? "TCP" : value);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    const auto [first, fresh] = seen.try_emplace(identity, item.position);
    if (fresh) continue;
    report_.error(place_of(item, fmt::format("{}[{}]", path, i)),
                  keys == "=" ? std::string("this entry is given twice")
                              : fmt::format("another entry has the same {}", keys),
                  fmt::format("the first is at {}:{}", first->second.line, first->second.column));
  }
}

void Checker::check_map(const Node& node, std::string_view element, const std::string& path) {
  if (!node.is_mapping()) return wrong_type(node, "a mapping", path);
  for (const auto& member : node.members) {
    object_ = member.key_position;
    check(member.value, element, fmt::format("{}.{}", path, member.key));
  }
}

void Checker::check_object(const Node& node, const TypeSchema& schema, const std::string& path) {
  if (!node.is_mapping()) return wrong_type(node, "a mapping", path);
  const auto at = object_.value_or(node.position);
  for (const auto& member : node.members) {
    const auto field = std::find_if(schema.fields.begin(), schema.fields.end(),
                                    [&](const Field& f) { return f.name == member.key; });
    if (field != schema.fields.end() && member.value.is_null()) {
      report_.warning(place_of(member, path),
                      fmt::format("\"{}\" is empty and counts as not given", member.key));
      continue;
    }
    if (field != schema.fields.end()) {
      object_ = member.key_position;
      check(member.value, field->type,
            path.empty() ? member.key : fmt::format("{}.{}", path, member.key));
      continue;
    }
    std::vector<std::string_view> names;
    for (const auto& known : schema.fields) names.push_back(known.name);
    const auto meant = base::nearest(member.key, names);
    report_.error(place_of(member, path), fmt::format("unknown field \"{}\"", member.key),
                  meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
  }
  for (const auto& field : schema.fields) {
    if (!field.required || node.find(field.name)) continue;
    report_.error({at, 1, path}, field.absent.empty()
                                     ? fmt::format("missing required field \"{}\"", field.name)
                                     : fmt::format(fmt::runtime(field.absent), path));
  }
}

void Checker::check_scalar(const Node& node, std::string_view type, const std::string& path) {
  if (type == "boolean") {
    if (as_boolean(node)) return;
    const bool quoted = node.is_scalar() && (node.scalar == "true" || node.scalar == "false");
    return wrong_type(node, "true or false", path, quoted ? "leave out the quotes" : "");
  }
  if (type == "int32" || type == "int64") return check_integer(node, type, path);
  if (type == "int-or-string" || type == "quantity") {
    const auto is_number = as_integer(node).has_value() || as_float(node).has_value();
    if (!node.is_scalar() || (scalar_type(node) == ScalarType::kBoolean && !is_number)) {
      return wrong_type(node, "a number or a string", path);
    }
    if (type == "quantity" && !is_quantity(node.scalar)) {
      report_.error(place_of(node, path), "not a quantity", "write it like 500m, 2Gi or 1.5");
    }
    return;
  }
  check_string(node, type, path);
}

void Checker::check_integer(const Node& node, std::string_view type, const std::string& path) {
  const auto value = as_integer(node);
  if (!value) return wrong_type(node, "an integer", path);
  using Limits = std::numeric_limits<std::int32_t>;
  if (type == "int32" && (*value < Limits::min() || *value > Limits::max())) {
    report_.error(place_of(node, path), "does not fit into 32 bits");
  }
}

void Checker::check_string(const Node& node, std::string_view type, const std::string& path) {
  if (!node.is_scalar()) return wrong_type(node, "a string", path);
  const auto read_as = scalar_type(node);
  if (read_as != ScalarType::kString && read_as != ScalarType::kNull && type != "arch") {
    report_.warning(place_of(node, path),
                    fmt::format("Kubernetes reads this as {} and refuses it", kind_of(node)),
                    "it is taken as the text it is; put it in quotes");
  }
  const bool is_arch = node.scalar.empty() || node.scalar == "amd64" || node.scalar == "arm64";
  if (type == "arch" && !is_arch) {
    report_.error(place_of(node, path), "arch must be either 'amd64', 'arm64', or empty");
  }
  if (type == "artifact-name" && !is_artifact_name(node.scalar)) {
    report_.error(place_of(node, path), "not a name for an artifact",
                  "use 1 to 253 lower-case letters, digits and -, with no - at either end");
  }
}

}  // namespace

void check_schema(const Node& node, std::string_view type, const std::string& path,
                  Report& report) {
  Checker(report).check(node, type, path);
}

}  // namespace orchestrator::manifest
