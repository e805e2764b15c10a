// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/secret.hpp"
#include "oci/registry.hpp"
#include "orchestrator/manifest/osartifact.hpp"
#include "orchestrator/plan.hpp"
#include "orchestrator/volumes.hpp"
#include "stages/architecture.hpp"
#include "stages/artifact_tool.hpp"
#include "stages/disk_layout.hpp"

namespace orchestrator {

/// A program that makes artifacts in our place.
struct PlannedTool {
  std::shared_ptr<const stages::ArtifactTool> tool;  ///< None: we make them.
  std::optional<std::size_t> pull;                   ///< The stage that brings its image.
};

/// What the stages of an artifact kind are made from.
struct ArtifactInputs {
  const manifest::OSArtifact& artifact;
  std::string where;  ///< "OSArtifact 'demo' (demo.yaml:3)".
  std::size_t unpack = 0;
  std::shared_ptr<oci::Registry> no_registry;  ///< These stages see no credentials.
  stages::Architecture architecture = stages::Architecture::kAmd64;
  std::int64_t epoch = 0;
  base::Secret cloud_config;
  std::filesystem::path output;  ///< Absolute folder.
  stages::DiskFirmware disk_firmware = stages::DiskFirmware::kUefi;
  PlannedTool tool;
  unsigned jobs = 1;               ///< Threads that one stage may use.
  bool use_cache = true;           ///< Whether what was made before may serve.
  std::uint64_t memory_bytes = 0;  ///< That all we do may use; 0: no limit.
};

/// A kind of artifact: whether an OSArtifact wants it, and the stages that make it.
struct ArtifactKindRow {
  std::string_view field;  ///< "spec.artifacts.iso".
  std::string_view text;   ///< For people.
  bool (*wanted)(const manifest::ArtifactSpec&);
  /// Adds its stages and returns the index of the last.
  std::size_t (*plan)(Plan&, const ArtifactInputs&, VolumeFolders&);
};

/// Every kind this version makes; a new one is one row.
std::span<const ArtifactKindRow> artifact_kinds();

}  // namespace orchestrator
