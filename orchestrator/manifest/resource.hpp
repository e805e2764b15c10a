// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "orchestrator/manifest/node.hpp"
#include "orchestrator/manifest/report.hpp"

namespace orchestrator::manifest {

/// What every resource of ours has: its name, and where its fields stand.
struct Resource {
  std::string_view kind;  ///< "OSArtifact", "NodeOp" or "NodeOpUpgrade".
  std::string name;       ///< metadata.name; else generateName without the dash at its end.
  std::string namespace_ = "default";
  Position position;
  /// The whole document.
  std::shared_ptr<const Node> source;

  /// Where the field stands, "spec.artifacts.iso" (no list indexes); the document's own position
  /// when it is not given.
  [[nodiscard]] Position position_of(std::string_view path) const;
};

/// Takes the document, and the name from it.
void take_document(Node document, Resource& resource);

/// The place of a field, "spec.image.ref": its value when that is a scalar, its key otherwise; the
/// nearest given field above it when it is absent.
Report::Place place_of(const Resource& resource, const std::string& path);

/// metadata.name and namespace: safe as names of files and objects.
void validate_metadata(const Resource& resource, Report& report);

}  // namespace orchestrator::manifest
