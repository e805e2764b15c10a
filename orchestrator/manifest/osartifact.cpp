// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/osartifact.hpp"

#include <algorithm>

namespace orchestrator::manifest {

const Volume* OSArtifact::find_volume(std::string_view volume_name) const {
  const auto found = std::find_if(volumes.begin(), volumes.end(),
                                  [volume_name](const Volume& v) { return v.name == volume_name; });
  return found == volumes.end() ? nullptr : &*found;
}

std::string OSArtifact::artifact_name(ArtifactKind of) const {
  const auto found = name_override.find(of);
  return found == name_override.end() ? name : found->second;
}

std::vector<OutputName> output_names(const OSArtifact& artifact) {
  std::vector<OutputName> names;
  const auto add = [&](bool wanted, ArtifactKind kind, std::string_view ending, const char* field) {
    if (wanted) names.push_back({artifact.artifact_name(kind).append(ending), field});
  };
  const auto wanted = artifact.artifacts.value_or(ArtifactSpec{});
  const auto uki = wanted.uki.value_or(UKISpec{});
  add(wanted.iso, ArtifactKind::kIso, ".iso", "spec.artifacts.iso");
  add(wanted.cloud_image, ArtifactKind::kCloud, ".raw", "spec.artifacts.cloudImage");
  add(wanted.azure_image, ArtifactKind::kAzure, ".vhd", "spec.artifacts.azureImage");
  add(wanted.gce_image, ArtifactKind::kGce, ".gce.tar.gz", "spec.artifacts.gceImage");
  for (const auto* ending : {"-kernel", "-initrd", ".squashfs", ".ipxe"}) {
    add(wanted.netboot, ArtifactKind::kNetboot, ending, "spec.artifacts.netboot");
  }
  add(uki.iso, ArtifactKind::kUki, "-uki.iso", "spec.artifacts.uki.iso");
  add(uki.container, ArtifactKind::kUki, "-uki.tar", "spec.artifacts.uki.container");
  add(uki.efi, ArtifactKind::kUki, "-uki", "spec.artifacts.uki.efi");
  for (const auto* ending : {".tar", ".sha256", ".report.json"}) {
    names.push_back({artifact.name + ending, "metadata.name"});
  }
  return names;
}

}  // namespace orchestrator::manifest
