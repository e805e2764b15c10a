// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/osartifact.hpp"

namespace orchestrator::manifest {

/// A field that is valid and used, and that this version does not execute.
struct UnsupportedField {
  std::string path;  ///< "spec.artifacts.cloudImage".
  Position position;
  std::string_view feature;  ///< What it awaits: "raw disk images".
  std::string volume;        ///< Of a volume of an unsupported kind: its name. Else empty.
};

/// What `build` must refuse before it starts. A boolean counts when true, a text or list when not
/// empty. A volume counts when something that is executed uses it.
std::vector<UnsupportedField> unsupported_fields(const OSArtifact& artifact);

/// Paths of given fields that steer the operator's pods and mean nothing on one machine.
std::vector<std::string> operator_only_fields(const OSArtifact& artifact);

}  // namespace orchestrator::manifest
