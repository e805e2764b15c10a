// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include "orchestrator/manifest/decode.hpp"
#include "orchestrator/manifest/osartifact.hpp"

namespace orchestrator::manifest {
namespace {

std::optional<int> mode_of(const Node& node, std::string_view key) {
  constexpr std::int64_t kLargestMode = 0777;
  const auto mode = as_integer(child(node, key));
  if (!mode || *mode < 0 || *mode > kLargestMode) return std::nullopt;
  return static_cast<int>(*mode);
}

std::map<std::string, std::string> texts(const Node& node) {
  std::map<std::string, std::string> out;
  for (const auto& member : node.members) {
    if (member.value.is_scalar()) out.emplace(member.key, member.value.scalar);
  }
  return out;
}

nlohmann::json list_json(const Node& node, std::string_view key, std::string_view type) {
  const auto& list = child(node, key);
  return list.is_sequence() ? to_json(list, type) : nlohmann::json::array();
}

SecretKeySelector selector(const Node& node) {
  return {.name = node.text_of("name"), .key = node.text_of("key")};
}

BuildOptions build_options(const Node& node) {
  return {.version = node.text_of("version"),
          .base_image = node.text_of("baseImage"),
          .model = node.text_of("model"),
          .trusted_boot = flag(node, "trustedBoot"),
          .kubernetes_distro = node.text_of("kubernetesDistro"),
          .kubernetes_version = node.text_of("kubernetesVersion"),
          .fips = flag(node, "fips"),
          .kairos_init_image = node.text_of("kairosInitImage")};
}

OCISpec oci_spec(const Node& node) {
  return {.ref = optional_of(node, "ref", selector),
          .template_values_from = optional_of(node, "templateValuesFrom", selector),
          .template_values = texts(child(node, "templateValues")),
          .build_context_volume = node.text_of("buildContextVolume")};
}

BuildImage build_image(const Node& node) {
  return {.registry = node.text_of("registry"),
          .repository = node.text_of("repository"),
          .tag = node.text_of("tag")};
}

ImageSpec image_spec(const Node& node) {
  return {.ref = node.text_of("ref"),
          .build_options = optional_of(node, "buildOptions", build_options),
          .oci_spec = optional_of(node, "ociSpec", oci_spec),
          .build_image = optional_of(node, "buildImage", build_image),
          .push = flag(node, "push"),
          .image_credentials_secret_ref = optional_of(node, "imageCredentialsSecretRef", selector),
          .build_env = list_json(node, "buildEnv", "[]EnvVar"),
          .ca_certificates_volume = node.text_of("caCertificatesVolume"),
          .pull_insecure_registry = flag(node, "pullInsecureRegistry"),
          .push_insecure_registry = flag(node, "pushInsecureRegistry")};
}

UKISpec uki_spec(const Node& node) {
  return {.iso = flag(node, "iso"),
          .container = flag(node, "container"),
          .efi = flag(node, "efi"),
          .keys_volume = node.text_of("keysVolume")};
}

ArtifactSpec artifact_spec(const Node& node) {
  return {.arch = node.text_of("arch"),
          .iso = flag(node, "iso"),
          .disk_size = node.text_of("diskSize"),
          .cloud_image = flag(node, "cloudImage"),
          .azure_image = flag(node, "azureImage"),
          .gce_image = flag(node, "gceImage"),
          .netboot = flag(node, "netboot"),
          .netboot_url = node.text_of("netbootURL"),
          .cloud_config_ref = optional_of(node, "cloudConfigRef", selector),
          .grub_config = node.text_of("grubConfig"),
          .bundles = list_of_texts(node, "bundles"),
          .os_release = node.text_of("osRelease"),
          .kairos_release = node.text_of("kairosRelease"),
          .overlay_iso_volume = node.text_of("overlayISOVolume"),
          .overlay_rootfs_volume = node.text_of("overlayRootfsVolume"),
          .uki = optional_of(node, "uki", uki_spec),
          .volume = node.text_of("volume")};
}

void read_keys(const Node& node, Volume& volume) {
  for (const auto& item : child(node, "items").items) {
    volume.items.push_back({item.text_of("key"), item.text_of("path"), mode_of(item, "mode")});
  }
  volume.default_mode = mode_of(node, "defaultMode");
  volume.optional = flag(node, "optional");
}

/// Secrets and ConfigMaps alone; anything else needs a cluster.
bool read_projected(const Node& projected, Volume& volume) {
  volume.default_mode = mode_of(projected, "defaultMode");
  for (const auto& source : child(projected, "sources").items) {
    for (const auto& member : source.members) {
      const bool secret = member.key == "secret";
      if (!secret && member.key != "configMap") return false;
      ProjectedSource part{.is_secret = secret,
                           .object_name = member.value.text_of("name"),
                           .items = {},
                           .optional = flag(member.value, "optional")};
      for (const auto& item : child(member.value, "items").items) {
        part.items.push_back({item.text_of("key"), item.text_of("path"), mode_of(item, "mode")});
      }
      volume.projected.push_back(std::move(part));
    }
  }
  return true;
}

void read_name_override(const Node& node, OSArtifact& artifact) {
  constexpr std::array<std::pair<const char*, ArtifactKind>, 6> kFields = {
      {{"iso", ArtifactKind::kIso},
       {"cloudImage", ArtifactKind::kCloud},
       {"azureImage", ArtifactKind::kAzure},
       {"gceImage", ArtifactKind::kGce},
       {"netboot", ArtifactKind::kNetboot},
       {"uki", ArtifactKind::kUki}}};
  for (const auto& [field, kind] : kFields) {
    if (auto name = node.text_of(field); !name.empty()) artifact.name_override[kind] = name;
  }
}

}  // namespace

Volume decode_volume(const Node& node) {
  Volume volume;
  volume.name = node.text_of("name");
  volume.position = node.position;
  volume.source = "emptyDir";
  for (const auto& member : node.members) {
    if (member.key == "name" || member.value.is_null()) continue;
    volume.source = member.key;
    volume.kind = Volume::Kind::kOther;
    if (member.key == "emptyDir") volume.kind = Volume::Kind::kEmptyDir;
    if (member.key == "hostPath") {
      volume.kind = Volume::Kind::kHostPath;
      volume.host_path = member.value.text_of("path");
      volume.host_path_type = member.value.text_of("type");
    }
    if (member.key == "projected" && read_projected(member.value, volume)) {
      volume.kind = Volume::Kind::kProjected;
    }
    if (member.key == "secret" || member.key == "configMap") {
      const bool secret = member.key == "secret";
      volume.kind = secret ? Volume::Kind::kSecret : Volume::Kind::kConfigMap;
      volume.object_name = member.value.text_of(secret ? "secretName" : "name");
      read_keys(member.value, volume);
    }
  }
  return volume;
}

OSArtifact decode_osartifact(Node document) {
  OSArtifact artifact;
  artifact.kind = "OSArtifact";
  take_document(std::move(document), artifact);
  const auto& spec = child(*artifact.source, "spec");
  artifact.image = image_spec(child(spec, "image"));
  artifact.artifacts = optional_of(spec, "artifacts", artifact_spec);
  artifact.image_pull_secrets = list_of_names(spec, "imagePullSecrets");
  for (const auto& volume : child(spec, "volumes").items) {
    artifact.volumes.push_back(decode_volume(volume));
  }
  read_name_override(child(spec, "nameOverride"), artifact);
  artifact.importers = list_json(spec, "importers", "[]Container");
  artifact.exporters = list_json(spec, "exporters", "[]JobSpec");
  artifact.tolerations = list_json(spec, "tolerations", "[]Toleration");
  artifact.volume = object_json(spec, "volume", "PersistentVolumeClaimSpec");
  artifact.affinity = object_json(spec, "affinity", "Affinity");
  artifact.resources = object_json(spec, "resources", "ResourcesSpec");
  artifact.node_selector = texts(child(spec, "nodeSelector"));
  artifact.pod_labels = texts(child(spec, "podLabels"));
  artifact.pod_annotations = texts(child(spec, "podAnnotations"));
  return artifact;
}

}  // namespace orchestrator::manifest
