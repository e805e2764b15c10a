// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <set>

#include "orchestrator/manifest/validate.hpp"

namespace orchestrator::manifest {
namespace {

// NAME_MAX of every Linux file system, less the ".partial" that it has while it is written.
constexpr std::size_t kMaxFileNameBytes = 255 - 8;

std::string describe(const OSArtifact& artifact, const std::string& field) {
  return fmt::format("{} of {}/{}", field, artifact.namespace_, artifact.name);
}

}  // namespace

void validate_outputs(const std::vector<OSArtifact>& artifacts, Report& report) {
  struct Owner {
    const OSArtifact* artifact;
    std::string field;
  };
  std::map<std::string, Owner> owners;
  for (const auto& artifact : artifacts) {
    std::set<const OSArtifact*> told;  // One complaint for two artifacts of one name is enough.
    for (auto& [file, field] : output_names(artifact)) {
      const auto place = place_of(artifact, field);
      if (file.size() > kMaxFileNameBytes) {
        report.error(place,
                     fmt::format("the file name \"...{}\" would be longer than {} bytes",
                                 file.substr(file.size() - 16), kMaxFileNameBytes),
                     "give it a shorter name");
      }
      const auto [owner, fresh] = owners.try_emplace(file, Owner{&artifact, field});
      if (fresh || !told.insert(owner->second.artifact).second) continue;
      report.error(place,
                   fmt::format("\"{}\" is already written for {}", file,
                               describe(*owner->second.artifact, owner->second.field)),
                   "give one of the two another metadata.name or spec.nameOverride");
    }
  }
}

}  // namespace orchestrator::manifest
