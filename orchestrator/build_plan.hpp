// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/keychain.hpp"
#include "oci/platform.hpp"
#include "oci/reference.hpp"
#include "orchestrator/image_request.hpp"
#include "orchestrator/manifest/load.hpp"
#include "orchestrator/plan.hpp"
#include "orchestrator/secrets.hpp"
#include "orchestrator/session.hpp"
#include "orchestrator/volumes.hpp"

namespace orchestrator {

/// A registry that a stage talks to, and who we are to it.
struct PlannedAccess {
  std::string stage;  ///< Its name.
  oci::Reference reference;
  bool push = false;
  std::shared_ptr<auth::Keychain> keychain;
};

/// How an OSArtifact comes to its image.
struct PlannedImage {
  bool built = false;                   ///< Else pulled.
  std::string reference;                ///< As the manifest has it; of a built one its name.
  std::string name;                     ///< registry/repository:tag, for an archive of it.
  std::vector<BaseOfBuild> bases;       ///< The image itself, or what it is built from.
  std::vector<PlannedAccess> accesses;  ///< In the order of the stages.
  oci::Platform platform;
  std::int64_t epoch = 0;  ///< What dates artifacts made of it, seconds since 1970.
  std::size_t stage = 0;   ///< The stage that gives it, an index into the plan.
};

/// What the plan holds for one OSArtifact.
struct PlannedArtifact {
  const manifest::OSArtifact* artifact = nullptr;
  std::filesystem::path output;  ///< The folder of the artifacts, absolute.
  PlannedImage image;
  std::vector<std::size_t> stages;  ///< Indices into the plan, in order.
};

/// What a plan is made from.
struct BuildRequest {
  std::string file;                               ///< - is standard input.
  std::filesystem::path output;                   ///< As given with -o; empty: not given.
  bool image_archive = false;                     ///< NAME.tar too.
  std::map<std::string, std::string> build_args;  ///< Over those of the manifests.
  std::vector<std::string> cache_from;            ///< Flags of all images that are built.
  std::string cache_to;                           ///< The same.
};

/// A manifest file, ready to be built.
struct BuildPlan {
  std::string file;
  manifest::Documents documents;
  std::unique_ptr<SecretFinder> secrets;   // Refers to documents.
  std::unique_ptr<VolumeFolders> volumes;  // Keeps the temporary folders of volumes.
  Plan imports;  ///< Run before the rest is planned: what they make is an input of it.
  Plan plan;
  Plan exports;                            ///< Run last.
  std::vector<PlannedArtifact> artifacts;  ///< Their folders are known before the importers run.
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

/// Reads the manifest and plans the stages of every OSArtifact, resolving images with the registry
/// (or the store, with --offline). Throws base::Error; kUnsupported names the fields that this
/// version does not execute, before anything is done.
std::unique_ptr<BuildPlan> make_build_plan(Session& session, const BuildRequest& request,
                                           const RunImporters& run_importers = {});

}  // namespace orchestrator
