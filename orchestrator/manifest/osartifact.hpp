// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/resource.hpp"

// OSArtifact, build.kairos.io/v1alpha2, as the program uses it. Names and meanings are those of
// the CRD; a text that is not given is empty.

namespace orchestrator::manifest {

/// Names a Secret of the OSArtifact's namespace, and a key in it; an empty key means the default
/// of the field it stands in.
struct SecretKeySelector {
  std::string name;
  std::string key;
};

struct BuildOptions {
  std::string version;
  std::string base_image;
  std::string model;
  bool trusted_boot = false;
  std::string kubernetes_distro;
  std::string kubernetes_version;
  bool fips = false;
  std::string kairos_init_image;
};

struct OCISpec {
  std::optional<SecretKeySelector> ref;
  std::optional<SecretKeySelector> template_values_from;
  std::map<std::string, std::string> template_values;
  std::string build_context_volume;
};

struct BuildImage {
  std::string registry;
  std::string repository;
  std::string tag;
  /// registry/repository:tag.
  [[nodiscard]] std::string reference() const { return registry + "/" + repository + ":" + tag; }
};

struct ImageSpec {
  std::string ref;
  std::optional<BuildOptions> build_options;
  std::optional<OCISpec> oci_spec;
  std::optional<BuildImage> build_image;
  bool push = false;
  std::optional<SecretKeySelector> image_credentials_secret_ref;
  nlohmann::json build_env = nlohmann::json::array();  ///< A list of core/v1 EnvVar.
  std::string ca_certificates_volume;
  bool pull_insecure_registry = false;
  bool push_insecure_registry = false;
};

struct UKISpec {
  bool iso = false;
  bool container = false;
  bool efi = false;
  std::string keys_volume;
};

struct ArtifactSpec {
  std::string arch;  ///< "amd64", "arm64" or empty: that of the image.
  bool iso = false;
  std::string disk_size;  ///< MiB, digits only; empty: a default.
  bool cloud_image = false;
  bool azure_image = false;
  bool gce_image = false;
  bool netboot = false;
  std::string netboot_url;
  std::optional<SecretKeySelector> cloud_config_ref;
  std::string grub_config;
  std::vector<std::string> bundles;
  std::string os_release;      ///< The new contents of /etc/os-release.
  std::string kairos_release;  ///< The new contents of /etc/kairos-release.
  std::string overlay_iso_volume;
  std::string overlay_rootfs_volume;
  std::optional<UKISpec> uki;
  std::string volume;
};

/// A key of a Secret or ConfigMap and the file it becomes.
struct KeyToPath {
  std::string key;
  std::string path;
  std::optional<int> mode;
};

/// A Secret or ConfigMap, one of several whose keys a projected volume puts into one folder.
struct ProjectedSource {
  bool is_secret = false;  ///< Else a ConfigMap.
  std::string object_name;
  std::vector<KeyToPath> items;  ///< Empty means every key.
  bool optional = false;
};

struct Volume {
  enum class Kind { kHostPath, kSecret, kConfigMap, kEmptyDir, kProjected, kOther };
  std::string name;
  Kind kind = Kind::kEmptyDir;      ///< kEmptyDir also where no source is given, as in a Pod.
  std::string source;               ///< The source's field name, "persistentVolumeClaim".
  std::string host_path;            ///< kHostPath: the folder or file.
  std::string host_path_type;       ///< kHostPath: "DirectoryOrCreate"...; empty: no check.
  std::string object_name;          ///< kSecret, kConfigMap: its name.
  std::vector<KeyToPath> items;     ///< kSecret, kConfigMap: empty means every key.
  std::optional<int> default_mode;  ///< kSecret, kConfigMap, kProjected: of the files.
  bool optional = false;            ///< kSecret, kConfigMap: may be missing.
  std::vector<ProjectedSource> projected = {};  ///< kProjected, which has no other kind of source.
  Position position;
};

/// Which artifact a name is asked for. Source: OSArtifactKind of the API.
enum class ArtifactKind { kIso, kCloud, kAzure, kGce, kNetboot, kUki };

struct OSArtifact : Resource {
  ImageSpec image;
  std::optional<ArtifactSpec> artifacts;
  std::vector<std::string> image_pull_secrets;
  std::vector<Volume> volumes;
  std::map<ArtifactKind, std::string> name_override;
  // Kept as Kubernetes would see them.
  nlohmann::json importers = nlohmann::json::array();
  nlohmann::json exporters = nlohmann::json::array();
  nlohmann::json volume;  ///< A PersistentVolumeClaimSpec, or null. So are affinity, resources.
  nlohmann::json affinity;
  nlohmann::json resources;
  nlohmann::json tolerations = nlohmann::json::array();
  std::map<std::string, std::string> node_selector;
  std::map<std::string, std::string> pod_labels;
  std::map<std::string, std::string> pod_annotations;

  /// The volume of that name, or nullptr.
  [[nodiscard]] const Volume* find_volume(std::string_view volume_name) const;
  /// The base name of an artifact's files, nameOverride applied. Of netboot, the operator's too.
  [[nodiscard]] std::string artifact_name(ArtifactKind of) const;
};

/// A file or folder that building an OSArtifact makes.
struct OutputName {
  std::string file;   ///< "demo-uki.iso".
  std::string field;  ///< The field that asks for it, "spec.artifacts.uki.iso".
};

/// Every name an OSArtifact's build writes into the output folder, in a stable order.
std::vector<OutputName> output_names(const OSArtifact& artifact);

/// The typed form of one entry of a list of volumes.
Volume decode_volume(const Node& node);

/// The typed form of a document that was checked; fields of a wrong type are left at their default.
OSArtifact decode_osartifact(Node document);

}  // namespace orchestrator::manifest
