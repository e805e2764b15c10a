// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/support.hpp"

#include <algorithm>

namespace orchestrator::manifest {
namespace {

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
                std::vector<ClusterVolume>& volumes) {
  const auto* volume = artifact.find_volume(name);
  if (!volume || volume->kind != Volume::Kind::kOther) return;
  const auto same = [&](const ClusterVolume& known) { return known.name == name; };
  if (std::any_of(volumes.begin(), volumes.end(), same)) return;
  volumes.push_back({.name = name, .source = volume->source, .position = volume->position});
}

}  // namespace

std::vector<ClusterVolume> cluster_volumes(const OSArtifact& artifact) {
  std::vector<ClusterVolume> volumes;
  add_volume(artifact, artifact.image.ca_certificates_volume, volumes);
  if (artifact.image.ref.empty() && artifact.image.oci_spec) {
    add_volume(artifact, artifact.image.oci_spec->build_context_volume, volumes);
  }
  if (artifact.artifacts) {
    add_volume(artifact, artifact.artifacts->overlay_iso_volume, volumes);
    add_volume(artifact, artifact.artifacts->overlay_rootfs_volume, volumes);
    if (artifact.artifacts->uki)
      add_volume(artifact, artifact.artifacts->uki->keys_volume, volumes);
  }
  return volumes;
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
