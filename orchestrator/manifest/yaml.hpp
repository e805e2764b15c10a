// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/manifest/node.hpp"
#include "orchestrator/manifest/source_text.hpp"

namespace orchestrator::manifest {

/// Limits against hostile documents (CVE-2019-11253): what aliases and merge keys copy counts.
inline constexpr std::size_t kMaxYamlNodes = 100'000;
inline constexpr std::size_t kMaxYamlDepth = 100;
inline constexpr std::size_t kMaxYamlScalarBytes = 16U << 20;

/// What came of a text. Messages quote keys, never values.
struct ParsedYaml {
  std::vector<Node> documents;  ///< Without the empty ones.
  /// Faults after which reading went on: keys given twice, keys without a colon.
  std::vector<TextProblem> problems;
  /// The fault at which reading stopped; `documents` holds what came whole before it.
  std::optional<TextProblem> fatal;
};

/// Parses YAML (or JSON, of which YAML is a superset), many documents, as Kubernetes reads it:
/// YAML 1.1 with merge keys. Keys must be unique scalars. Never throws for what is in the text.
ParsedYaml parse_yaml(const SourceText& source);

}  // namespace orchestrator::manifest
