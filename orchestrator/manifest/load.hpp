// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/diagnostic.hpp"
#include "orchestrator/manifest/documents.hpp"

namespace orchestrator::manifest {

/// A manifest file, read and validated.
struct ManifestResult {
  Documents documents;                  ///< Trustworthy only when ok().
  std::vector<Diagnostic> diagnostics;  ///< By position.
  /// No error among the diagnostics: warnings do not count.
  [[nodiscard]] bool ok() const;
};

/// Reads every OSArtifact, NodeOp, NodeOpUpgrade, Secret and ConfigMap of a manifest (YAML or JSON,
/// many documents, also inside a List) and finds everything that is wrong with them. `file_name` is
/// for diagnostics. What is in the text never makes it throw.
ManifestResult load_manifest(std::string_view text, std::string file_name);

}  // namespace orchestrator::manifest
