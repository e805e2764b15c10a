// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/manifest/report.hpp"

namespace orchestrator::manifest {

/// The operator's rules for one OSArtifact, in its words, all of them at once; and ours: names and
/// references follow their grammars. Source: OSArtifactSpec.Validate of kairos-operator v0.1.3.
void validate_spec(const OSArtifact& artifact, Report& report);

/// The rules for a NodeOp: what the API server and the pods would refuse, and what is given and has
/// no effect.
void validate_node_op(const NodeOp& op, Report& report);
void validate_node_op_upgrade(const NodeOpUpgrade& upgrade, Report& report);

/// Secrets beside a resource that it names in `names`, its imagePullSecrets, and that are of no
/// use.
void validate_pull_secrets(const Resource& resource, const std::vector<std::string>& names,
                           const Documents& documents, Report& report);

/// What an OSArtifact takes from Secrets and ConfigMaps beside it: their keys exist, and the
/// cloud-config is one. An object that is not beside it is not looked for.
void validate_references(const OSArtifact& artifact, const Documents& documents, Report& report);

/// No two outputs of the file have one name, no name is too long for a file.
void validate_outputs(const std::vector<OSArtifact>& artifacts, Report& report);

}  // namespace orchestrator::manifest
