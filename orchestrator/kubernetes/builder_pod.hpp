// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "orchestrator/kubernetes/artifact_objects.hpp"

namespace orchestrator::kubernetes {

/// The container that builds; importers run before it as init containers.
inline constexpr const char* kBuilderContainer = "osartifact";

/// The pod template of the build Job: one container without privileges, that gets the manifest, the
/// Secrets it names and the volumes it uses as files. Throws as artifact_objects().
Object builder_pod_template(const manifest::OSArtifact& artifact, const BuilderOptions& options);

/// The volume that holds the artifacts, called "artifacts".
Object artifacts_volume(const manifest::OSArtifact& artifact, bool read_only);

/// Secrets that a kubelet pulls with: spec.imagePullSecrets, then imageCredentialsSecretRef.
Object pull_secrets(const manifest::OSArtifact& artifact);

/// Secrets that the build itself must be able to read, each once.
std::vector<std::string> needed_secrets(const manifest::OSArtifact& artifact);

/// The spec as it was written, as JSON.
Object spec_of(const manifest::OSArtifact& artifact);

}  // namespace orchestrator::kubernetes
