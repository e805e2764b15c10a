// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "oci/registry.hpp"
#include "orchestrator/container_environment.hpp"
#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/manifest/osartifact.hpp"
#include "orchestrator/secrets.hpp"
#include "orchestrator/session.hpp"
#include "stages/container_stage.hpp"

namespace orchestrator {

/// A volume as the containers of one pod see it.
struct PodVolume {
  std::filesystem::path folder;  ///< Or file, for a hostPath of one.
  bool read_only = false;        ///< Whatever a mount asks for.
};

/// Reads core/v1 Containers as what a ContainerStage runs: images resolved, variables and mounts
/// looked up, so that what is wrong is told of before anything starts.
class ToolReader {
 public:
  /// Finds the volume of a name; throws base::Error where there is none.
  using FindVolume = std::function<PodVolume(const std::string& name, const std::string& field)>;

  ToolReader(Session& session, const manifest::Documents& documents, const SecretFinder& secrets,
             const manifest::OSArtifact& artifact, std::shared_ptr<oci::Registry> registry,
             FindVolume find_volume)
      : session_(session),
        documents_(documents),
        secrets_(secrets),
        artifact_(artifact),
        registry_(std::move(registry)),
        find_volume_(std::move(find_volume)) {}

  /// `pod_security` may be null. Throws base::Error, naming `field`.
  stages::ToolContainer read(const nlohmann::json& container, const nlohmann::json& pod_security,
                             const std::string& field);

 private:
  oci::ContainerMount mount(const nlohmann::json& wanted,
                            const std::vector<ContainerVariable>& variables,
                            const std::string& field);

  Session& session_;
  const manifest::Documents& documents_;
  const SecretFinder& secrets_;
  const manifest::OSArtifact& artifact_;
  std::shared_ptr<oci::Registry> registry_;
  FindVolume find_volume_;
};

}  // namespace orchestrator
