// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "orchestrator/manifest/node_op.hpp"
#include "orchestrator/manifest/osartifact.hpp"
#include "orchestrator/manifest/report.hpp"

namespace orchestrator::manifest {

/// A Secret beside a resource of ours, its values decoded.
struct SecretDocument {
  std::string name;
  std::string namespace_ = "default";
  std::string type = "Opaque";
  Position position;
  std::map<std::string, base::Secret> data;

  /// The value of `key`; with an empty key, of the only key there is. nullptr when there is none.
  [[nodiscard]] const base::Secret* find(std::string_view key) const;
};

/// A ConfigMap beside a resource of ours; binaryData is decoded into `data`.
struct ConfigMapDocument {
  std::string name;
  std::string namespace_ = "default";
  Position position;
  std::map<std::string, std::string> data;
};

/// What a manifest file holds.
struct Documents {
  std::vector<OSArtifact> artifacts;
  std::vector<NodeOp> node_ops;
  std::vector<NodeOpUpgrade> node_op_upgrades;
  std::vector<SecretDocument> secrets;
  std::vector<ConfigMapDocument> config_maps;

  /// No resource of ours: Secrets and ConfigMaps alone.
  [[nodiscard]] bool has_none_of_ours() const {
    return artifacts.empty() && node_ops.empty() && node_op_upgrades.empty();
  }

  /// nullptr when there is none. As in Kubernetes, an object of another namespace does not count.
  [[nodiscard]] const SecretDocument* find_secret(std::string_view namespace_name,
                                                  std::string_view name) const;
  [[nodiscard]] const ConfigMapDocument* find_config_map(std::string_view namespace_name,
                                                         std::string_view name) const;
};

/// Reads a Secret (core/v1), reporting what is wrong without quoting any value.
SecretDocument read_secret(const Node& document, Report& report);

/// Reads a ConfigMap (core/v1).
ConfigMapDocument read_config_map(const Node& document, Report& report);

}  // namespace orchestrator::manifest
