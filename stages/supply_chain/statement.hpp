// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "oci/digest.hpp"

namespace stages::supply_chain {

inline constexpr std::string_view kSpdxPredicate = "https://spdx.dev/Document";
inline constexpr std::string_view kProvenancePredicate = "https://slsa.dev/provenance/v1";
inline constexpr std::string_view kStatementMediaType = "application/vnd.in-toto+json";

/// What a statement is about, or what a build took.
struct NamedDigest {
  std::string name;  ///< A file's name, or a URI.
  oci::Digest digest;
};

/// Where something came from. No part of it may be a secret.
struct Provenance {
  std::string version;                    ///< Of osartifact.
  nlohmann::json parameters;              ///< What the user asked for.
  std::vector<NamedDigest> dependencies;  ///< Images, as "pkg:oci/..." or "docker://...".
  std::string started;                    ///< RFC 3339; empty: not said.
  std::string finished;
};

/// Source: in-toto attestation framework v1, statement.md.
nlohmann::json statement(const std::vector<NamedDigest>& subjects, std::string_view predicate_type,
                         nlohmann::json predicate);

/// The predicate of kProvenancePredicate. Source: SLSA provenance v1.
nlohmann::json predicate_of(const Provenance& provenance);

}  // namespace stages::supply_chain
