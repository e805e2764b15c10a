// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/temp_dir.hpp"
#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/secrets.hpp"

namespace orchestrator {

/// `--volume NAME=DIR`, by name. Throws base::Error kUsage for a bad form, a name given twice, or a
/// DIR that is not a folder.
std::map<std::string, std::filesystem::path> parse_volume_flags(
    const std::vector<std::string>& flags);

/// Gives the volumes of OSArtifacts as folders on this machine. Those made of Secrets and
/// ConfigMaps are written into private temporary folders that live as long as this.
class VolumeFolders {
 public:
  VolumeFolders(Session& session, const manifest::Documents& documents,
                const SecretFinder& secrets);

  /// The folder of the volume that `field` names, the same each time it is asked for. Throws
  /// base::Error kManifest when its source is not there, kUnsupported for kinds that need a cluster
  /// and have no --volume.
  std::filesystem::path folder(const manifest::OSArtifact& artifact, const std::string& volume,
                               const std::string& field);

  /// The same for a volume that is not one of spec.volumes: `field` names its owner, who has a
  /// volume of each name once. --volume serves it too.
  std::filesystem::path own_folder(const manifest::OSArtifact& artifact,
                                   const manifest::Volume& volume, const std::string& field);

  /// Whether one of these was made here: it is gone with us, and another next time.
  [[nodiscard]] bool is_made(const std::filesystem::path& folder) const;

  /// Dates what was written into the folders made here since `since`, as if it had been at `epoch`
  /// (both seconds since 1970): an importer that writes the same files twice makes the same volume.
  void settle_times(std::int64_t since, std::int64_t epoch) const;

 private:
  using Files = std::map<std::string, base::Secret>;
  std::filesystem::path find(const manifest::OSArtifact& artifact, const manifest::Volume& volume,
                             const std::string& what);
  Files files_of(const manifest::OSArtifact& artifact, const manifest::Volume& volume,
                 const std::string& what) const;
  std::filesystem::path make_projected(const manifest::OSArtifact& artifact,
                                       const manifest::Volume& volume, const std::string& what);
  std::filesystem::path make_folder();
  void write_files(const manifest::Volume& volume, const Files& files, const std::string& what,
                   const std::filesystem::path& root);

  Session& session_;
  const manifest::Documents& documents_;
  const SecretFinder& secrets_;
  std::map<std::string, std::filesystem::path> flags_;
  std::vector<base::TempDir> made_;
  std::map<std::string, std::filesystem::path> known_;  ///< By owner and name.
};

}  // namespace orchestrator
