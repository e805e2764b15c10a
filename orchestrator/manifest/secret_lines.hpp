// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "orchestrator/manifest/report.hpp"
#include "orchestrator/manifest/yaml.hpp"

namespace orchestrator::manifest {

/// Hides the lines that may hold values of Secrets: of every object that is not an OSArtifact or
/// ConfigMap, all but apiVersion, kind, type and immutable; and, of a document that could not be
/// parsed and so is not known, all of it if the word Secret or stringData is in it.
void hide_secret_lines(const SourceText& source, const ParsedYaml& parsed, Report& report);

}  // namespace orchestrator::manifest
