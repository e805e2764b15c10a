// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/osartifact.hpp"

namespace orchestrator::manifest {

/// A volume of a kind that only a cluster can give: a persistentVolumeClaim, nfs, csi.
struct ClusterVolume {
  std::string name;
  std::string source;  ///< The source's field name.
  Position position;
};

/// Those of spec.volumes that the build reads, each once. `build` takes them with --volume only.
std::vector<ClusterVolume> cluster_volumes(const OSArtifact& artifact);

/// Paths of given fields that steer the operator's pods and mean nothing on one machine.
std::vector<std::string> operator_only_fields(const OSArtifact& artifact);

}  // namespace orchestrator::manifest
