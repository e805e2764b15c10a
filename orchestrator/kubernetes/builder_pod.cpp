// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/builder_pod.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "orchestrator/kubernetes/object_names.hpp"
#include "orchestrator/kubernetes/quantity.hpp"
#include "orchestrator/manifest/schema.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr const char* kArtifactsFolder = "/artifacts";
constexpr const char* kSecretsFolder = "/secrets";
constexpr const char* kVolumesFolder = "/volumes";
constexpr const char* kManifestFolder = "/manifest";
constexpr const char* kManifestFile = "osartifact.json";
constexpr std::size_t kMaxManifestBytes = 200U << 10;  // All annotations together may have 256 KiB.

// Of the pod's own; the first is one that the operator's rules forbid to users.
constexpr const char* kScratchVolume = "rootfs";
constexpr const char* kManifestVolume = "config";

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
  names.push_back(name);
}

/// What only the cluster acts on, or has acted on when the builder starts.
Object builders_manifest(const manifest::OSArtifact& artifact) {
  auto spec = spec_of(artifact);
  for (const auto* field : {"importers", "exporters", "affinity", "tolerations", "nodeSelector",
                            "podLabels", "podAnnotations", "resources", "volume"}) {
    spec.erase(field);
  }
  if (spec.contains("artifacts")) spec["artifacts"].erase("volume");
  return {{"apiVersion", kOsArtifacts.api_version()},
          {"kind", kOsArtifacts.kind},
          {"metadata", {{"name", artifact.name}, {"namespace", artifact.namespace_}}},
          {"spec", spec}};
}

/// Volumes of the spec that the build reads, each once.
std::vector<std::string> used_volumes(const manifest::OSArtifact& artifact) {
  std::vector<std::string> names;
  if (artifact.image.oci_spec) add_once(names, artifact.image.oci_spec->build_context_volume);
  add_once(names, artifact.image.ca_certificates_volume);
  if (artifact.artifacts) {
    add_once(names, artifact.artifacts->overlay_iso_volume);
    add_once(names, artifact.artifacts->overlay_rootfs_volume);
    if (artifact.artifacts->uki) add_once(names, artifact.artifacts->uki->keys_volume);
  }
  return names;
}

/// ConfigMaps whose values the build takes, each once.
std::vector<std::string> used_config_maps(const manifest::OSArtifact& artifact) {
  std::vector<std::string> names;
  for (const auto& variable : artifact.image.build_env) {
    if (const auto* selector = find_at(variable, "/valueFrom/configMapKeyRef")) {
      add_once(names, selector->value("name", ""));
    }
  }
  return names;
}

/// The kinds of spec.resources whose artifacts are asked for.
std::vector<const char*> wanted_kinds(const manifest::OSArtifact& artifact) {
  std::vector<const char*> kinds;
  if (!artifact.artifacts) return kinds;
  const auto& wanted = *artifact.artifacts;
  const auto add = [&kinds](bool is_wanted, const char* kind) {
    if (is_wanted) kinds.push_back(kind);
  };
  add(wanted.iso, "iso");
  add(wanted.cloud_image, "cloudImage");
  add(wanted.azure_image, "azureImage");
  add(wanted.gce_image, "gceImage");
  add(wanted.netboot, "netboot");
  add(wanted.uki && (wanted.uki->iso || wanted.uki->container || wanted.uki->efi), "uki");
  return kinds;
}

/// One container does the work of all: it may use what they might together. A limit that one of
/// them lacks is no limit.
Object builder_resources(const manifest::OSArtifact& artifact) {
  auto resources = Object::object();
  const auto kinds = wanted_kinds(artifact);
  for (const auto* bound : {"requests", "limits"}) {
    std::map<std::string, std::pair<std::int64_t, std::size_t>> sums;
    for (const auto* kind : kinds) {
      const auto* amounts = artifact.resources.is_object()
                                ? find_at(artifact.resources, fmt::format("/{}/{}", kind, bound))
                                : nullptr;
      if (amounts == nullptr) continue;
      for (const auto& [name, amount] : amounts->items()) {
        const auto text = amount.is_string() ? amount.get<std::string>() : amount.dump();
        auto& [sum, count] = sums[name];
        sum += parse_quantity(text).value_or(0);
        ++count;
      }
    }
    for (const auto& [name, sum] : sums) {
      const bool of_all = sum.second == kinds.size();
      if (std::string_view(bound) == "limits" && !of_all) continue;
      resources[bound][name] = format_quantity(sum.first);
    }
  }
  return resources;
}

/// Collects what the builder's container mounts, and the pod's volumes for it.
class Mounts {
 public:
  void add(Object volume, const std::string& path, bool read_only, const char* sub_path = nullptr) {
    Object mount = {{"name", volume["name"]}, {"mountPath", path}};
    if (read_only) mount["readOnly"] = true;
    if (sub_path != nullptr) mount["subPath"] = sub_path;
    mounts_.push_back(std::move(mount));
    add_volume(std::move(volume));
  }
  /// For importers: in the pod, and not in the builder's container.
  void add_volume(Object volume) {
    const auto same = [&](const Object& other) { return other["name"] == volume["name"]; };
    if (std::none_of(volumes_.begin(), volumes_.end(), same)) volumes_.push_back(std::move(volume));
  }
  [[nodiscard]] const Object& mounts() const { return mounts_; }
  [[nodiscard]] const Object& volumes() const { return volumes_; }

 private:
  Object mounts_ = Object::array();
  Object volumes_ = Object::array();
};

Object user_volume(const Object& spec, const std::string& name) {
  for (const auto& volume : spec.value("volumes", Object::array())) {
    if (volume.value("name", "") == name) return volume;
  }
  return {{"name", name}, {"emptyDir", Object::object()}};
}

Mounts builder_mounts(const manifest::OSArtifact& artifact, const Object& spec,
                      std::vector<std::string>& arguments) {
  Mounts mounts;
  mounts.add(artifacts_volume(artifact, false), kArtifactsFolder, false);
  mounts.add(
      {{"name", kManifestVolume},
       {"downwardAPI",
        {{"items",
          {{{"path", kManifestFile},
            {"fieldRef",
             {{"fieldPath", fmt::format("metadata.annotations['{}']", kManifestAnnotation)}}}}}}}}},
      kManifestFolder, true);
  const Object scratch = {{"name", kScratchVolume}, {"emptyDir", Object::object()}};
  mounts.add(scratch, "/var/lib/osartifact", false, "store");
  mounts.add(scratch, "/tmp", false, "tmp");
  mounts.add(scratch, "/var/tmp", false, "tmp");
  const auto needed = needed_secrets(artifact);
  auto secrets = needed;
  for (const auto& name : artifact.image_pull_secrets) add_once(secrets, name);
  for (const auto& name : secrets) {
    const bool is_needed = std::find(needed.begin(), needed.end(), name) != needed.end();
    Object source = {{"secretName", name}};
    if (!is_needed) source["optional"] = true;  // As a kubelet takes imagePullSecrets.
    mounts.add({{"name", short_name("osartifact-" + short_digest(name))}, {"secret", source}},
               fmt::format("{}/{}", kSecretsFolder, name), true);
  }
  for (const auto& name : used_config_maps(artifact)) {
    // Optional, so that the program says that it is missing: a pod would wait without a word.
    mounts.add({{"name", short_name("osartifact-configmap-" + short_digest(name))},
                {"configMap", {{"name", name}, {"optional", true}}}},
               fmt::format("{}/configmaps/{}", kSecretsFolder, name), true);
  }
  for (const auto& name : used_volumes(artifact)) {
    const auto path = fmt::format("{}/{}", kVolumesFolder, name);
    mounts.add(user_volume(spec, name), path, true);
    arguments.insert(arguments.end(), {"--volume", fmt::format("{}={}", name, path)});
  }
  if (spec.contains("importers") && !spec["importers"].empty()) {
    for (const auto& volume : spec.value("volumes", Object::array())) mounts.add_volume(volume);
  }
  return mounts;
}

}  // namespace

Object spec_of(const manifest::OSArtifact& artifact) {
  const auto* spec = artifact.source->find("spec");
  return spec == nullptr ? Object::object() : manifest::to_json(*spec, "OSArtifactSpec");
}

std::vector<std::string> needed_secrets(const manifest::OSArtifact& artifact) {
  std::vector<std::string> names;
  const auto add = [&names](const std::optional<manifest::SecretKeySelector>& selector) {
    if (selector) add_once(names, selector->name);
  };
  add(artifact.image.image_credentials_secret_ref);
  if (artifact.image.oci_spec) {
    add(artifact.image.oci_spec->ref);
    add(artifact.image.oci_spec->template_values_from);
  }
  if (artifact.artifacts) add(artifact.artifacts->cloud_config_ref);
  for (const auto& variable : artifact.image.build_env) {
    const auto* selector = find_at(variable, "/valueFrom/secretKeyRef");
    if (selector != nullptr && !selector->value("optional", false)) {
      add_once(names, selector->value("name", ""));
    }
  }
  return names;
}

Object pull_secrets(const manifest::OSArtifact& artifact) {
  auto names = artifact.image_pull_secrets;
  if (const auto& selector = artifact.image.image_credentials_secret_ref) {
    add_once(names, selector->name);
  }
  auto list = Object::array();
  for (const auto& name : names) list.push_back({{"name", name}});
  return list;
}

Object artifacts_volume(const manifest::OSArtifact& artifact, bool read_only) {
  const auto& name = artifact.artifacts ? artifact.artifacts->volume : std::string();
  Object volume;
  if (name.empty()) {
    volume = {{"persistentVolumeClaim", {{"claimName", claim_name(artifact)}}}};
  } else {
    volume = user_volume(spec_of(artifact), name);
  }
  volume["name"] = "artifacts";
  if (read_only && volume.contains("persistentVolumeClaim")) {
    volume["persistentVolumeClaim"]["readOnly"] = true;
  }
  return volume;
}

Object builder_pod_template(const manifest::OSArtifact& artifact, const BuilderOptions& options) {
  const auto spec = spec_of(artifact);
  const auto manifest = builders_manifest(artifact).dump();
  if (manifest.size() > kMaxManifestBytes) {
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = "the spec is too large",
                       .why = fmt::format("{} bytes; {} fit into the pod's annotation",
                                          manifest.size(), kMaxManifestBytes),
                       .hint = "move long texts into Secrets"});
  }
  std::vector<std::string> arguments = {
      "build",          fmt::format("{}/{}", kManifestFolder, kManifestFile),
      "--output",       kArtifactsFolder,
      "--secrets",      kSecretsFolder,
      "--progress",     "plain",
      "--image-archive"};
  const auto mounts = builder_mounts(artifact, spec, arguments);
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());

  Object container = {
      {"name", kBuilderContainer},
      {"image", options.image},
      {"command", {"osartifact"}},
      {"args", arguments},
      {"volumeMounts", mounts.mounts()},
      {"resources", builder_resources(artifact)},
      // Root with a container's usual capabilities: files of an image belong to any user, and RUN
      // changes its root. Nothing is added and the root file system stays as it is.
      {"securityContext", {{"privileged", false}, {"readOnlyRootFilesystem", true}}}};
  if (!options.pull_policy.empty()) container["imagePullPolicy"] = options.pull_policy;

  Object pod = {{"restartPolicy", "Never"},
                {"automountServiceAccountToken", false},
                {"securityContext", {{"seccompProfile", {{"type", "RuntimeDefault"}}}}},
                {"containers", {container}},
                {"volumes", mounts.volumes()}};
  const auto copy = [&](const char* field, const char* as) {
    if (const auto* value = find_at(spec, field); value != nullptr && !value->empty()) {
      pod[as] = *value;
    }
  };
  copy("/importers", "initContainers");
  copy("/nodeSelector", "nodeSelector");
  copy("/tolerations", "tolerations");
  copy("/affinity", "affinity");
  copy("/resources/pod", "resources");
  if (auto secrets = pull_secrets(artifact); !secrets.empty()) {
    pod["imagePullSecrets"] = std::move(secrets);
  }
  auto labels = spec.value("podLabels", Object::object());
  labels[kArtifactLabel] = short_name(artifact.name);
  auto annotations = spec.value("podAnnotations", Object::object());
  annotations[kManifestAnnotation] = manifest;
  return {{"metadata", {{"labels", labels}, {"annotations", annotations}}}, {"spec", pod}};
}

}  // namespace orchestrator::kubernetes
