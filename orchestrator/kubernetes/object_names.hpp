// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace orchestrator::kubernetes {

/// On every object made for an OSArtifact: its name. Source: kairos-operator.
inline constexpr const char* kArtifactLabel = "build.kairos.io/artifact";
/// On an export Job: which of spec.exporters it is. Source: kairos-operator.
inline constexpr const char* kExportIndexAnnotation = "build.kairos.io/export-index";
/// On our Jobs: what they were made from, so that a changed spec is seen.
inline constexpr const char* kHashAnnotation = "build.kairos.io/spec-hash";
/// On the builder's pod: the manifest that it builds.
inline constexpr const char* kManifestAnnotation = "build.kairos.io/manifest";

/// `name` + `suffix`, at most 63 bytes as names of Jobs and values of labels may have: a longer
/// name is cut and gets a part of its digest.
std::string short_name(std::string_view name, std::string_view suffix = "");

/// The first 16 hexadecimal digits of the SHA-256 of `text`.
std::string short_digest(std::string_view text);

}  // namespace orchestrator::kubernetes
