// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/secrets.hpp"

namespace orchestrator {

/// A variable of a container or of a build, its value known.
struct ContainerVariable {
  std::string name;
  base::Secret value;
  bool is_secret = false;  ///< From a Secret, or made of one that is.
};

/// Puts variables in for $(NAME); $$ is a dollar sign, and what is not there stays as it is. The
/// last of a name counts. Source: Kubernetes, "Define Dependent Environment Variables".
base::Secret expand_references(const std::string& text,
                               const std::vector<ContainerVariable>& variables);

/// The variables that a list of core/v1 EnvVar of an OSArtifact gives, in order, each name once.
/// `field` is where the list stands: "spec.image.buildEnv". Throws base::Error kManifest for a
/// Secret, ConfigMap or key that is not there and not optional; kUnsupported for what only a pod
/// knows (resourceFieldRef, most of fieldRef).
std::vector<ContainerVariable> read_environment(const SecretFinder& secrets,
                                                const manifest::Documents& documents,
                                                const manifest::OSArtifact& artifact,
                                                const nlohmann::json& list,
                                                const std::string& field);

/// The same of a container (core/v1 Container, envFrom and env); `field` is where the container
/// stands: "spec.importers[0]".
std::vector<ContainerVariable> container_environment(const SecretFinder& secrets,
                                                     const manifest::Documents& documents,
                                                     const manifest::OSArtifact& artifact,
                                                     const nlohmann::json& container,
                                                     const std::string& field);

}  // namespace orchestrator
