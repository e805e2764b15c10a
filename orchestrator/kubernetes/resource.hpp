// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace orchestrator::kubernetes {

/// An API object as the server sends it.
using Object = nlohmann::json;

/// One kind of object that the API server keeps.
struct ResourceKind {
  std::string_view group;  ///< Empty: the core group.
  std::string_view version;
  std::string_view kind;
  std::string_view plural;
  bool namespaced = true;

  [[nodiscard]] std::string api_version() const;
  /// "jobs.batch", as kubectl and messages name it.
  [[nodiscard]] std::string text() const;
  friend bool operator==(const ResourceKind&, const ResourceKind&) = default;
};

inline constexpr ResourceKind kPods{"", "v1", "Pod", "pods"};
inline constexpr ResourceKind kConfigMaps{"", "v1", "ConfigMap", "configmaps"};
inline constexpr ResourceKind kSecrets{"", "v1", "Secret", "secrets"};
inline constexpr ResourceKind kServiceAccounts{"", "v1", "ServiceAccount", "serviceaccounts"};
inline constexpr ResourceKind kPersistentVolumeClaims{"", "v1", "PersistentVolumeClaim",
                                                      "persistentvolumeclaims"};
inline constexpr ResourceKind kNodes{"", "v1", "Node", "nodes", false};
inline constexpr ResourceKind kNamespaces{"", "v1", "Namespace", "namespaces", false};
inline constexpr ResourceKind kJobs{"batch", "v1", "Job", "jobs"};
inline constexpr ResourceKind kDaemonSets{"apps", "v1", "DaemonSet", "daemonsets"};
inline constexpr ResourceKind kLeases{"coordination.k8s.io", "v1", "Lease", "leases"};
inline constexpr ResourceKind kEvents{"events.k8s.io", "v1", "Event", "events"};
inline constexpr ResourceKind kDefinitions{"apiextensions.k8s.io", "v1", "CustomResourceDefinition",
                                           "customresourcedefinitions", false};
inline constexpr ResourceKind kOsArtifacts{"build.kairos.io", "v1alpha2", "OSArtifact",
                                           "osartifacts"};
inline constexpr ResourceKind kNodeOps{"operator.kairos.io", "v1alpha1", "NodeOp", "nodeops"};
inline constexpr ResourceKind kNodeOpUpgrades{"operator.kairos.io", "v1alpha1", "NodeOpUpgrade",
                                              "nodeopupgrades"};

/// Which object of a kind. The namespace is empty for kinds that are in none.
struct ObjectName {
  std::string space;  ///< The namespace.
  std::string name;

  /// "namespace/name", or "name".
  [[nodiscard]] std::string text() const { return space.empty() ? name : space + "/" + name; }
  friend auto operator<=>(const ObjectName&, const ObjectName&) = default;
};

ObjectName name_of(const Object& object);

/// The text at a JSON pointer ("/metadata/uid"), or "" when there is none.
std::string text_at(const Object& object, std::string_view pointer);
/// The value at a JSON pointer, or nullptr when there is none or it is null.
const Object* find_at(const Object& object, std::string_view pointer);

/// The value of a label or an annotation, or "".
std::string label_of(const Object& object, const std::string& key);
std::string annotation_of(const Object& object, const std::string& key);

inline std::string uid_of(const Object& object) { return text_at(object, "/metadata/uid"); }
inline std::string version_of(const Object& object) {
  return text_at(object, "/metadata/resourceVersion");
}
inline bool is_being_deleted(const Object& object) {
  return find_at(object, "/metadata/deletionTimestamp") != nullptr;
}

/// An entry for metadata.ownerReferences: `owner` controls the object, which is collected with it.
Object owner_reference(const Object& owner);
/// The uid of the owner that controls `object`, or "".
std::string controller_uid(const Object& object);

/// Now, as metav1.Time ("2026-01-02T03:04:05Z") or, with microseconds, metav1.MicroTime.
std::string timestamp();
std::string micro_timestamp();

}  // namespace orchestrator::kubernetes
