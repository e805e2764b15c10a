// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/secret.hpp"
#include "orchestrator/secrets.hpp"

namespace orchestrator {

/// A variable of spec.image.buildEnv.
struct BuildVariable {
  base::Secret value;
  bool is_secret = false;  ///< From a Secret, or made of one that is.
};

/// The variables of spec.image.buildEnv, by name, with $(NAME) of earlier ones put in. A missing
/// Secret or ConfigMap that is not optional is a base::Error kManifest; what only a pod knows
/// (resourceFieldRef, most of fieldRef) is kUnsupported. Source: Kubernetes, core/v1 EnvVar.
std::map<std::string, BuildVariable> build_environment(const SecretFinder& secrets,
                                                       const manifest::Documents& documents,
                                                       const manifest::OSArtifact& artifact);

}  // namespace orchestrator
