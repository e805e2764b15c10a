// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/definitions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "orchestrator/manifest/schema.hpp"
#include "orchestrator/manifest/type_expression.hpp"

namespace orchestrator::kubernetes {
namespace {

using manifest::Shape;

/// A CEL rule at a place of the schema ("spec.image"; "[]" goes into a list).
struct Rule {
  std::string_view path;
  std::string_view rule;
  std::string_view message;
};

/// A value that differs from what the tables know: a default, a bound.
struct Extra {
  std::string_view path;
  std::string_view key;
  std::string_view value;  ///< JSON.
};

struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view path;
  bool wide = false;  ///< Only with -o wide.
};

struct Definition {
  ResourceKind kind;
  std::string_view spec_type;
  std::string_view singular;
  std::span<const Rule> rules;
  std::span<const Extra> extras;
  std::span<const Column> columns;
  std::string_view status;  ///< Schema of the status, JSON.
};

// Messages are kairos-operator's, whose users know them.
constexpr Rule kArtifactRules[] = {
    {"spec", "!has(self.image.ref) || self.image.ref == '' || has(self.artifacts)",
     "spec.artifacts is required when spec.image.ref is set (pre-built image); specify which "
     "artifacts to produce (e.g. ISO, cloud image)"},
    {"spec",
     "!has(self.artifacts) || !has(self.artifacts.volume) || self.artifacts.volume == '' || "
     "(has(self.volumes) && self.volumes.exists(v, v.name == self.artifacts.volume))",
     "spec.artifacts.volume references a volume which is not defined in spec.volumes"},
    {"spec.image",
     "(has(self.ref) && self.ref != '') || has(self.buildOptions) || (has(self.ociSpec) && "
     "has(self.ociSpec.ref))",
     "spec.image: when ref is empty, at least one of buildOptions or ociSpec must be set"},
    {"spec.image", "!(has(self.ref) && self.ref != '' && has(self.buildImage))",
     "spec.image.buildImage is only used when building; ref must be empty when buildImage is set"},
    {"spec.image",
     "!(has(self.push) && self.push) || (has(self.ref) && self.ref != '') || "
     "has(self.buildImage)",
     "spec.image.push is true but buildImage is missing or incomplete; when pushing, registry, "
     "repository, and tag are required"},
    {"spec.artifacts",
     "(has(self.iso) && self.iso) || (has(self.cloudImage) && self.cloudImage) || "
     "(has(self.azureImage) && self.azureImage) || (has(self.gceImage) && self.gceImage) || "
     "(has(self.netboot) && self.netboot) || (has(self.uki) && ((has(self.uki.iso) && "
     "self.uki.iso) || (has(self.uki.container) && self.uki.container) || (has(self.uki.efi) && "
     "self.uki.efi)))",
     "spec.artifacts: at least one artifact type must be enabled (iso, cloudImage, azureImage, "
     "gceImage, netboot, or uki.iso/uki.container/uki.efi)"},
    {"spec.artifacts.uki",
     "!((has(self.iso) && self.iso) || (has(self.container) && self.container) || (has(self.efi) "
     "&& self.efi)) || (has(self.keysVolume) && self.keysVolume != '')",
     "keysVolume is required when at least one of iso, container, or efi is true"},
    {"spec.volumes[]",
     "!(self.name in ['artifacts', 'rootfs', 'config', 'ocispec', 'cloudconfig'])",
     "this volume name is reserved for internal use"},
};

// Bounds keep the rules' estimated cost within what the API server allows; those of names are a
// pod's.
constexpr Extra kArtifactExtras[] = {
    {"spec.volumes", "maxItems", "256"},
    {"spec.volumes[].name", "maxLength", "63"},
    {"spec.artifacts.volume", "maxLength", "63"},
    {"spec.image.buildImage.registry", "minLength", "1"},
    {"spec.image.buildImage.repository", "minLength", "1"},
    {"spec.image.buildImage.tag", "minLength", "1"},
};

constexpr Column kArtifactColumns[] = {
    {"Phase", "string", ".status.phase"},
    {"Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason"},
    {"Age", "date", ".metadata.creationTimestamp"},
    {"Message", "string", ".status.message", true},
};

constexpr std::string_view kConditions =
    R"({"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
        "items": {"type": "object", "required": ["type", "status", "reason", "message",
                                                 "lastTransitionTime"],
          "properties": {"type": {"type": "string", "maxLength": 316},
                         "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                         "observedGeneration": {"type": "integer", "format": "int64"},
                         "lastTransitionTime": {"type": "string", "format": "date-time"},
                         "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
                         "message": {"type": "string", "maxLength": 32768}}}})";

constexpr std::string_view kArtifactStatus =
    R"({"phase": {"type": "string", "default": "Pending"},
        "message": {"type": "string"},
        "observedGeneration": {"type": "integer", "format": "int64"},
        "exported": {"type": "array", "items": {"type": "integer", "format": "int32"}}})";

// As kairos-operator's, whose objects come back with these values.
constexpr Extra kNodeOpExtras[] = {
    {"spec.hostMountPath", "default", R"("/host")"},
    {"spec.concurrency", "default", "0"},
    {"spec.concurrency", "minimum", "0"},
    {"spec.cordon", "default", "false"},
    {"spec.uncordonOnFailure", "default", "false"},
    {"spec.rebootOnSuccess", "default", "false"},
    {"spec.stopOnFailure", "default", "false"},
    {"spec.drainOptions.enabled", "default", "false"},
    {"spec.drainOptions.force", "default", "false"},
    {"spec.drainOptions.ignoreDaemonSets", "default", "true"},
    {"spec.drainOptions.deleteEmptyDirData", "default", "false"},
    {"spec.preflight.activeDeadlineSeconds", "default", "120"},
};

constexpr Extra kNodeOpUpgradeExtras[] = {
    {"spec.concurrency", "default", "0"},
    {"spec.concurrency", "minimum", "0"},
};

constexpr Column kNodeOpColumns[] = {
    {"Phase", "string", ".status.phase"},
    {"Reason", "string", ".status.conditions[?(@.type==\"Finished\")].reason"},
    {"Age", "date", ".metadata.creationTimestamp"},
    {"Message", "string", ".status.conditions[?(@.type==\"Finished\")].message", true},
};

constexpr std::string_view kNodeOpStatus =
    R"({"phase": {"type": "string"},
        "message": {"type": "string"},
        "nodeOpName": {"type": "string"},
        "observedGeneration": {"type": "integer", "format": "int64"},
        "lastUpdated": {"type": "string", "format": "date-time"},
        "nodeStatuses": {"type": "object", "additionalProperties": {
          "type": "object", "required": ["phase"],
          "properties": {"phase": {"type": "string"},
                         "message": {"type": "string"},
                         "jobName": {"type": "string"},
                         "rebootStatus": {"type": "string"},
                         "bootID": {"type": "string"},
                         "lastUpdated": {"type": "string", "format": "date-time"},
                         "startedAt": {"type": "string", "format": "date-time"},
                         "drainStartedAt": {"type": "string", "format": "date-time"},
                         "rebootStartedAt": {"type": "string", "format": "date-time"}}}}})";

/// A new resource is one line here, and its tables in orchestrator/manifest.
constexpr Definition kOurDefinitions[] = {
    {kOsArtifacts, "OSArtifactSpec", "osartifact", kArtifactRules, kArtifactExtras,
     kArtifactColumns, kArtifactStatus},
    {kNodeOps, "NodeOpSpec", "nodeop", {}, kNodeOpExtras, kNodeOpColumns, kNodeOpStatus},
    {kNodeOpUpgrades,
     "NodeOpUpgradeSpec",
     "nodeopupgrade",
     {},
     kNodeOpUpgradeExtras,
     kNodeOpColumns,
     kNodeOpStatus},
};

Object scalar_schema(std::string_view type) {
  if (type == "boolean") return {{"type", "boolean"}};
  if (type == "int32" || type == "int64") return {{"type", "integer"}, {"format", type}};
  if (type == "any") return {{"x-kubernetes-preserve-unknown-fields", true}};
  if (type == "int-or-string" || type == "quantity") {
    return {{"anyOf", {{{"type", "integer"}}, {{"type", "string"}}}},
            {"x-kubernetes-int-or-string", true}};
  }
  Object schema = {{"type", "string"}};
  if (type == "arch") schema["enum"] = {"amd64", "arm64"};
  if (type == "artifact-name") {
    schema.update(
        {{"minLength", 1}, {"maxLength", 253}, {"pattern", "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}});
  }
  return schema;
}

bool is_required(std::string_view type, std::string_view field) {
  const auto* schema = manifest::find_type(type);
  return schema != nullptr &&
         std::any_of(schema->fields.begin(), schema->fields.end(),
                     [field](const auto& known) { return known.name == field && known.required; });
}

Object list_schema(const manifest::TypeExpression& type) {
  Object schema = {{"type", "array"}, {"items", open_api_schema(type.element)}};
  if (type.unique == "=") {
    schema["x-kubernetes-list-type"] = "set";
  } else if (!type.unique.empty() && type.unique.find(',') == std::string_view::npos &&
             is_required(type.element, type.unique)) {
    // The API server wants keys that are always there; other lists are checked by the controller.
    schema["x-kubernetes-list-type"] = "map";
    schema["x-kubernetes-list-map-keys"] = {type.unique};
  }
  return schema;
}

/// The part of a schema that `path` means.
Object& at(Object& schema, std::string_view path) {
  Object* part = &schema;
  while (!path.empty()) {
    const auto dot = path.find('.');
    auto name = path.substr(0, dot);
    const bool into_list = name.ends_with("[]");
    if (into_list) name.remove_suffix(2);
    part = &part->at("properties").at(std::string(name));
    if (into_list) part = &part->at("items");
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *part;
}

Object version_schema(const Definition& definition) {
  Object status = {{"type", "object"}, {"properties", Object::parse(definition.status)}};
  status["properties"]["conditions"] = Object::parse(kConditions);
  Object schema = {{"type", "object"},
                   {"properties",
                    {{"apiVersion", {{"type", "string"}}},
                     {"kind", {{"type", "string"}}},
                     {"metadata", {{"type", "object"}}},
                     {"spec", open_api_schema(definition.spec_type)},
                     {"status", std::move(status)}}}};
  for (const auto& extra : definition.extras) {
    at(schema, extra.path)[std::string(extra.key)] = Object::parse(extra.value);
  }
  for (const auto& rule : definition.rules) {
    at(schema, rule.path)["x-kubernetes-validations"].push_back(
        {{"rule", rule.rule}, {"message", rule.message}});
  }
  return schema;
}

Object definition_of(const Definition& definition) {
  auto columns = Object::array();
  for (const auto& column : definition.columns) {
    Object entry = {{"name", column.name}, {"type", column.type}, {"jsonPath", column.path}};
    if (column.wide) entry["priority"] = 1;
    columns.push_back(std::move(entry));
  }
  const auto& kind = definition.kind;
  return {{"apiVersion", kDefinitions.api_version()},
          {"kind", kDefinitions.kind},
          {"metadata", {{"name", kind.text()}}},
          {"spec",
           {{"group", kind.group},
            {"scope", "Namespaced"},
            {"names",
             {{"kind", kind.kind},
              {"listKind", fmt::format("{}List", kind.kind)},
              {"plural", kind.plural},
              {"singular", definition.singular}}},
            {"versions",
             {{{"name", kind.version},
               {"served", true},
               {"storage", true},
               {"subresources", {{"status", Object::object()}}},
               {"additionalPrinterColumns", columns},
               {"schema", {{"openAPIV3Schema", version_schema(definition)}}}}}}}}};
}

}  // namespace

Object open_api_schema(std::string_view type) {
  const auto expression = manifest::parse_type(type);
  if (expression.shape == Shape::kList) return list_schema(expression);
  if (expression.shape == Shape::kMap) {
    return {{"type", "object"}, {"additionalProperties", open_api_schema(expression.element)}};
  }
  const auto* table = manifest::find_type(type);
  if (table == nullptr) return scalar_schema(type);
  Object schema = {{"type", "object"}, {"properties", Object::object()}};
  for (const auto& field : table->fields) {
    schema["properties"][std::string(field.name)] = open_api_schema(field.type);
    if (field.required) schema["required"].push_back(field.name);
  }
  return schema;
}

std::vector<Object> custom_resource_definitions() {
  std::vector<Object> definitions;
  for (const auto& definition : kOurDefinitions) definitions.push_back(definition_of(definition));
  return definitions;
}

}  // namespace orchestrator::kubernetes
