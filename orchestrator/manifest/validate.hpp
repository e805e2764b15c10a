// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/manifest/report.hpp"

namespace orchestrator::manifest {

/// The operator's rules for one OSArtifact, in its words, all of them at once; and ours: names and
/// references follow their grammars. Source: OSArtifactSpec.Validate of kairos-operator v0.1.3.
void validate_spec(const OSArtifact& artifact, Report& report);

/// metadata.name and namespace: safe as names of files and objects.
void validate_metadata(const OSArtifact& artifact, Report& report);

/// What an OSArtifact takes from Secrets and ConfigMaps beside it: their keys exist, and the
/// cloud-config is one. An object that is not beside it is not looked for.
void validate_references(const OSArtifact& artifact, const Documents& documents, Report& report);

/// No two outputs of the file have one name, no name is too long for a file.
void validate_outputs(const std::vector<OSArtifact>& artifacts, Report& report);

/// The place of a field of an artifact, "spec.image.ref": its value when that is a scalar, its key
/// otherwise; the nearest given field above it when it is absent.
Report::Place place_of(const OSArtifact& artifact, const std::string& path);

}  // namespace orchestrator::manifest
