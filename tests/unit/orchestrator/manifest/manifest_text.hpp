// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/load.hpp"

namespace orchestrator::manifest {

/// An OSArtifact "demo" with `spec` below spec:, each of its lines indented by two.
inline std::string osartifact(std::string_view spec, std::string_view name = "demo") {
  std::string text = "apiVersion: build.kairos.io/v1alpha2\nkind: OSArtifact\nmetadata: {name: " +
                     std::string(name) + "}\nspec:\n";
  for (std::size_t begin = 0; begin < spec.size();) {
    const auto end = std::min(spec.find('\n', begin), spec.size());
    text += "  " + std::string(spec.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  return text;
}

/// The messages of all errors, or of all warnings.
inline std::vector<std::string> messages(const ManifestResult& result,
                                         Severity severity = Severity::kError) {
  std::vector<std::string> out;
  for (const auto& diagnostic : result.diagnostics) {
    if (diagnostic.severity == severity) out.push_back(diagnostic.message);
  }
  return out;
}

/// All diagnostics rendered, for assertions about what a user sees.
inline std::string rendered(const ManifestResult& result) {
  std::string out;
  for (const auto& diagnostic : result.diagnostics) out += render(diagnostic) + "\n";
  return out;
}

}  // namespace orchestrator::manifest
