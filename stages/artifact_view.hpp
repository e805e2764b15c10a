// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string_view>

#include "base/process.hpp"
#include "stages/disk_bytes.hpp"

namespace stages {

/// What looking at a file may use.
struct ViewContext {
  base::ProcessRunner& runner;
  std::filesystem::path work;  ///< An existing folder for small files; they are removed.
  std::stop_token stop;
};

/// What a file is, in the order in which it is told: a JSON object.
using ArtifactView = nlohmann::ordered_json;

/// A kind of file that we can tell of: how it is recognised, and what there is to say.
struct ArtifactViewRow {
  std::string_view kind;   ///< Stable: "raw-disk".
  std::string_view title;  ///< For people.
  bool (*matches)(const DiskBytes&);
  /// Adds to `view`. Throws base::Error kArtifactTool when it is not as the kind must be; what was
  /// added before stays.
  void (*describe)(const DiskBytes&, const ViewContext&, ArtifactView& view);
  /// Throws base::Error kArtifactTool when it is none that a build here would give; null: none can
  /// tell. Reads what `describe` added.
  void (*check)(const DiskBytes&, const ViewContext&, const ArtifactView& view);
};

/// Looks at any file, ours or not: kind, size, sha256, architecture, partitions, file systems, what
/// it boots with, and whether our own check of such artifacts passes, or why not ("check"). Throws
/// base::Error kUsage for a file of no known kind, kIo, or kInterrupted.
ArtifactView view_artifact(const std::filesystem::path& file, const ViewContext& context);

}  // namespace stages
