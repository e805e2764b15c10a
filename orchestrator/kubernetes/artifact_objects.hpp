// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/kubernetes/resource.hpp"
#include "orchestrator/manifest/osartifact.hpp"

namespace orchestrator::kubernetes {

/// How builders run, besides what an OSArtifact says.
struct BuilderOptions {
  std::string image = "osartifact:latest";  ///< Has osartifact on its PATH.
  std::string pull_policy{};                ///< Empty: Kubernetes' default.
  std::vector<std::string> arguments{};     ///< More of `osartifact build`.
};

/// What an OSArtifact becomes. Owner references are for whoever creates them.
struct ArtifactObjects {
  std::optional<Object> claim;  ///< PersistentVolumeClaim; none where the spec names a volume.
  Object build;                 ///< The Job of `osartifact build`.
  std::vector<Object> exports;  ///< A Job for each of spec.exporters, in order.
  /// Secrets of the namespace without which the build cannot start.
  std::vector<std::string> required_secrets;
};

/// The one place that knows them: the controller creates what `osartifact render` shows. `artifact`
/// is valid. Throws base::Error kUnsupported for what a builder's pod cannot be given.
ArtifactObjects artifact_objects(const manifest::OSArtifact& artifact,
                                 const BuilderOptions& options);

/// NAME-artifacts, as the claim is called.
std::string claim_name(const manifest::OSArtifact& artifact);

}  // namespace orchestrator::kubernetes
