// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "oci/reference.hpp"
#include "oci/registry.hpp"
#include "orchestrator/image_request.hpp"
#include "orchestrator/plan.hpp"
#include "orchestrator/session.hpp"
#include "stages/supply_chain/statement.hpp"

namespace orchestrator {

// --sbom, --provenance and --sign-key: what goes with an artifact and with a pushed image.

/// A push of the plan.
struct PlannedPush {
  std::string artifact;  ///< The OSArtifact's name; empty for an image alone.
  std::string where;     ///< For messages.
  std::size_t image = 0;
  std::size_t push = 0;
  oci::Reference destination;
  std::shared_ptr<oci::Registry> registry;
  std::filesystem::path sbom_file;  ///< Where the SBOM of the image itself goes.
  std::int64_t epoch = 0;
  nlohmann::json provenance;  ///< As provenance_of() gives it.
};

/// Plans what the flags want of a pushed image: nothing, where they want nothing.
void plan_attestations(Session& session, Plan& plan, const PlannedPush& push);

/// A stage that writes what packages the tree of `unpack` has; its index.
std::size_t plan_sbom(Plan& plan, const std::string& artifact, const std::string& where,
                      std::size_t unpack, const std::filesystem::path& file, std::int64_t epoch);

/// SLSA provenance: `parameters` is what the user asked for, the images are what it took.
nlohmann::json provenance_of(const nlohmann::json& parameters,
                             const std::vector<BaseOfBuild>& images);

/// What to write beside artifacts.
struct ArtifactsProvenance {
  std::filesystem::path folder;
  std::string name;  ///< Of the OSArtifact.
  std::vector<stages::supply_chain::NamedDigest> files;
  nlohmann::json predicate;
};

/// With --provenance NAME.provenance.json, and with --sign-key it signed, NAME.intoto.jsonl. With
/// --sign-key NAME.sha256.sig. Throws base::Error kIo or kNoSpace.
void write_provenance(Session& session, const ArtifactsProvenance& provenance);

}  // namespace orchestrator
