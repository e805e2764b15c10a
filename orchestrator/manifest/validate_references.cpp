// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/manifest/cloud_config.hpp"
#include "orchestrator/manifest/validate.hpp"

namespace orchestrator::manifest {
namespace {

constexpr std::string_view kDockerConfigKey = ".dockerconfigjson";
constexpr std::string_view kLegacyDockerKey = ".dockercfg";
constexpr std::string_view kOciSpecKey = "ociSpec";

class ReferenceCheck {
 public:
  ReferenceCheck(const OSArtifact& artifact, const Documents& documents, Report& report)
      : artifact_(artifact), documents_(documents), report_(report) {}

  void check_image();
  void check_cloud_config_ref();
  void check_volumes();
  void check_environment(const Node& list, const std::string& path);

 private:
  [[nodiscard]] const SecretDocument* secret(const std::string& name) const {
    return documents_.find_secret(artifact_.namespace_, name);
  }
  void require_key(const SecretDocument* found, std::string_view key, const Report::Place& place);
  void require_key(const ConfigMapDocument* found, std::string_view key,
                   const Report::Place& place);

  const OSArtifact& artifact_;
  const Documents& documents_;
  Report& report_;
};

void ReferenceCheck::require_key(const SecretDocument* found, std::string_view key,
                                 const Report::Place& place) {
  if (!found || found->data.contains(std::string(key))) return;
  report_.error(place, fmt::format("secret \"{}\" has no key \"{}\"", found->name, key));
}

void ReferenceCheck::require_key(const ConfigMapDocument* found, std::string_view key,
                                 const Report::Place& place) {
  if (!found || found->data.contains(std::string(key))) return;
  report_.error(place, fmt::format("configmap \"{}\" has no key \"{}\"", found->name, key));
}

void ReferenceCheck::check_image() {
  const auto& image = artifact_.image;
  if (const auto& ref = image.image_credentials_secret_ref) {
    const auto* found = secret(ref->name);
    const bool legacy = found && found->data.contains(std::string(kLegacyDockerKey));
    const auto key = ref->key.empty() ? (legacy ? kLegacyDockerKey : kDockerConfigKey)
                                      : std::string_view(ref->key);
    require_key(found, key, place_of(artifact_, "spec.image.imageCredentialsSecretRef"));
  }
  if (!image.ref.empty() || !image.oci_spec) return;
  if (const auto& ref = image.oci_spec->ref) {
    require_key(secret(ref->name), ref->key.empty() ? kOciSpecKey : std::string_view(ref->key),
                place_of(artifact_, "spec.image.ociSpec.ref"));
  }
  if (const auto& values = image.oci_spec->template_values_from; values && !values->key.empty()) {
    require_key(secret(values->name), values->key,
                place_of(artifact_, "spec.image.ociSpec.templateValuesFrom"));
  }
}

void ReferenceCheck::check_cloud_config_ref() {
  if (!artifact_.artifacts || !artifact_.artifacts->cloud_config_ref) return;
  const auto& ref = *artifact_.artifacts->cloud_config_ref;
  const auto place = place_of(artifact_, "spec.artifacts.cloudConfigRef");
  const auto* found = secret(ref.name);
  if (!found) return;
  const auto* value = found->find(ref.key);
  if (!value && ref.key.empty()) {
    report_.error(
        place,
        fmt::format("secret \"{}\" has {} keys and none is named", found->name, found->data.size()),
        "name the one with the cloud-config as key");
    return;
  }
  require_key(found, ref.key.empty() ? found->data.begin()->first : ref.key, place);
  if (!value) return;
  if (const auto problem = check_cloud_config(value->reveal())) {
    report_.error(place,
                  fmt::format("key \"{}\" of secret \"{}\" is not a cloud-config: line {}: {}",
                              ref.key.empty() ? found->data.begin()->first : ref.key, found->name,
                              problem->position.line, problem->message),
                  problem->hint);
  }
}

void ReferenceCheck::check_volumes() {
  for (const auto& volume : artifact_.volumes) {
    const Report::Place place{volume.position, 1, fmt::format("spec.volumes ({})", volume.name)};
    if (volume.optional) continue;
    for (const auto& item : volume.items) {
      if (volume.kind == Volume::Kind::kSecret) {
        require_key(secret(volume.object_name), item.key, place);
      } else {
        require_key(documents_.find_config_map(artifact_.namespace_, volume.object_name), item.key,
                    place);
      }
    }
  }
}

void ReferenceCheck::check_environment(const Node& list, const std::string& path) {
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    for (const auto* kind : {"secretKeyRef", "configMapKeyRef"}) {
      const auto* ref = list.items[i].find_path({"valueFrom", kind});
      if (!ref || (ref->find("optional") && as_boolean(*ref->find("optional")) == true)) continue;
      const auto place = place_of(*ref, fmt::format("{}[{}].valueFrom.{}", path, i, kind));
      const auto name = ref->text_of("name");
      const auto key = ref->text_of("key");
      if (std::string_view(kind) == "secretKeyRef") {
        require_key(secret(name), key, place);
      } else {
        require_key(documents_.find_config_map(artifact_.namespace_, name), key, place);
      }
    }
  }
}

}  // namespace

void validate_pull_secrets(const Resource& resource, const std::vector<std::string>& names,
                           const Documents& documents, Report& report) {
  const auto place = place_of(resource, "spec.imagePullSecrets");
  for (const auto& name : names) {
    const auto* found = documents.find_secret(resource.namespace_, name);
    const auto elsewhere = std::find_if(documents.secrets.begin(), documents.secrets.end(),
                                        [&](const auto& secret) { return secret.name == name; });
    if (!found && elsewhere != documents.secrets.end()) {
      report.warning(place,
                     fmt::format("secret \"{}\" is in namespace \"{}\", not in \"{}\": it is not "
                                 "used",
                                 name, elsewhere->namespace_, resource.namespace_),
                     "a pull secret is one of the resource's own namespace");
    }
    if (!found || found->data.contains(std::string(kDockerConfigKey)) ||
        found->data.contains(std::string(kLegacyDockerKey))) {
      continue;
    }
    report.warning(place, fmt::format("secret \"{}\" has no key \"{}\": it is of no use here", name,
                                      kDockerConfigKey));
  }
}

void validate_references(const OSArtifact& artifact, const Documents& documents, Report& report) {
  ReferenceCheck check(artifact, documents, report);
  check.check_image();
  check.check_cloud_config_ref();
  validate_pull_secrets(artifact, artifact.image_pull_secrets, documents, report);
  check.check_volumes();
  const auto* environment = artifact.source->find_path({"spec", "image", "buildEnv"});
  if (environment && artifact.image.ref.empty()) {
    check.check_environment(*environment, "spec.image.buildEnv");
  }
}

}  // namespace orchestrator::manifest
