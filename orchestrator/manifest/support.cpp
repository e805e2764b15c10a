// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/support.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace orchestrator::manifest {
namespace {

struct FeatureRow {
  std::string_view path;
  std::string_view feature;
};

constexpr FeatureRow kUnsupported[] = {
    {"spec.artifacts.volume", "writing artifacts into a volume"},
};

constexpr std::string_view kOperatorOnly[] = {
    "spec.imagePullSecrets", "spec.nodeSelector",   "spec.tolerations", "spec.affinity",
    "spec.podLabels",        "spec.podAnnotations", "spec.resources",   "spec.volume",
};

const Node* find_by_path(const OSArtifact& artifact, std::string_view path) {
  const Node* node = artifact.source.get();
  while (node && !path.empty()) {
    const auto dot = path.find('.');
    node = node->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

bool is_used(const Node* node) {
  if (!node) return false;
  if (node->is_scalar()) return as_boolean(*node).value_or(!node->scalar.empty());
  return node->is_mapping() || !node->items.empty();
}

void add_volume(const OSArtifact& artifact, const std::string& name,
                std::vector<UnsupportedField>& fields) {
  const auto* volume = artifact.find_volume(name);
  if (!volume || volume->kind != Volume::Kind::kOther) return;
  const auto same = [&](const UnsupportedField& field) { return field.volume == name; };
  if (std::any_of(fields.begin(), fields.end(), same)) return;
  fields.push_back({fmt::format("spec.volumes ({})", name), volume->position,
                    "volumes other than hostPath, secret, configMap, projected and emptyDir",
                    name});
}

}  // namespace

std::vector<UnsupportedField> unsupported_fields(const OSArtifact& artifact) {
  std::vector<UnsupportedField> fields;
  for (const auto& [path, feature] : kUnsupported) {
    if (!is_used(find_by_path(artifact, path))) continue;
    fields.push_back({std::string(path), artifact.position_of(path), feature, ""});
  }
  add_volume(artifact, artifact.image.ca_certificates_volume, fields);
  if (artifact.image.ref.empty() && artifact.image.oci_spec) {
    add_volume(artifact, artifact.image.oci_spec->build_context_volume, fields);
  }
  if (artifact.artifacts) {
    add_volume(artifact, artifact.artifacts->overlay_iso_volume, fields);
    add_volume(artifact, artifact.artifacts->overlay_rootfs_volume, fields);
    if (artifact.artifacts->uki) add_volume(artifact, artifact.artifacts->uki->keys_volume, fields);
  }
  return fields;
}

std::vector<std::string> operator_only_fields(const OSArtifact& artifact) {
  std::vector<std::string> paths;
  for (const auto path : kOperatorOnly) {
    const auto* node = find_by_path(artifact, path);
    if (is_used(node) && !(node->is_mapping() && node->members.empty())) paths.emplace_back(path);
  }
  return paths;
}

}  // namespace orchestrator::manifest
