// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "orchestrator/secrets.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator {

/// What an OSArtifact's image is built from: the user's part rendered, kairos-init around it where
/// buildOptions ask for it.
struct BuildDefinition {
  std::string text;
  std::string name;  ///< For messages: "my-secret/ociSpec", "spec.image.buildOptions".
  std::map<std::string, std::string> arguments;  ///< Of buildOptions.
  std::vector<base::Secret> secrets;             ///< Values from templateValuesFrom.
  bool mixed = false;                            ///< There are both parts.
  int user_line = 1;            ///< Of `text`: where the user's part begins; 0: there is none.
  std::vector<int> user_lines;  ///< The template's line of each line of the user's part.

  /// Throws base::Error kManifest when a FROM, at a line of `text`, stands in the user's part of
  /// a mixed definition.
  void check_from(int line) const;
};

/// Reads and renders it. Keys that the template asks for and nobody gives are empty, and a warning
/// names each; with --strict-templates they are an error. Throws base::Error kManifest.
BuildDefinition read_build_definition(Session& session, const SecretFinder& secrets,
                                      const manifest::OSArtifact& artifact);

}  // namespace orchestrator
