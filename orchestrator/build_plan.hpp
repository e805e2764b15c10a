// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "oci/pull.hpp"
#include "oci/registry_rules.hpp"
#include "orchestrator/manifest/load.hpp"
#include "orchestrator/plan.hpp"
#include "orchestrator/secrets.hpp"
#include "orchestrator/session.hpp"
#include "orchestrator/volumes.hpp"

namespace orchestrator {

/// What the plan holds for one OSArtifact.
struct PlannedArtifact {
  const manifest::OSArtifact* artifact = nullptr;
  oci::ResolvedImage image;
  std::vector<oci::PullPlace> places;  ///< Where the image is asked for, in order; empty: nowhere.
  std::vector<std::size_t> stages;     ///< Indices into the plan, in order.
};

/// A manifest file, ready to be built.
struct BuildPlan {
  std::string file;
  manifest::Documents documents;
  std::unique_ptr<SecretFinder> secrets;   // Refers to documents.
  std::unique_ptr<VolumeFolders> volumes;  // Keeps the temporary folders of volumes.
  Plan imports;  ///< Run before the rest is planned: what they make is an input of it.
  Plan plan;
  Plan exports;  ///< Run last.
  std::vector<PlannedArtifact> artifacts;
};

/// Reads FILE (- is standard input); what is wrong with it is in the result.
manifest::ManifestResult load_manifest_file(Session& session, const std::string& file);

/// Shows what is wrong with a manifest on standard error; returns the number of errors.
std::size_t show_diagnostics(Session& session, const manifest::ManifestResult& result);

/// Reads FILE, shows its diagnostics, and throws base::Error kManifest when
/// any is an error.
manifest::ManifestResult read_manifest_file(Session& session, const std::string& file);

/// Runs the importers that are planned, before the rest is planned.
using RunImporters = std::function<void(const BuildPlan& build)>;

/// Reads FILE and plans the stages of every OSArtifact, with NAME.tar if `image_archive`, resolving
/// images with the registry (or the store, with --offline). Throws base::Error; kUnsupported names
/// the fields that this version does not execute, before anything is done.
std::unique_ptr<BuildPlan> make_build_plan(Session& session, const std::string& file,
                                           const std::filesystem::path& output, bool image_archive,
                                           const RunImporters& run_importers = {});

}  // namespace orchestrator
