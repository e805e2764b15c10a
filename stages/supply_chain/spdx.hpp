// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "stages/supply_chain/installed_packages.hpp"

namespace stages::supply_chain {

/// What a bill of materials is of.
struct SpdxSubject {
  std::string name;         ///< Of the OSArtifact.
  std::string fingerprint;  ///< Hex; the same contents have the same: it makes the document's name.
  std::int64_t epoch = 0;   ///< Seconds since 1970: when the document was made, so to speak.
  std::string tool;         ///< "osartifact-0.3.0".
};

/// The packages as an SPDX 2.3 document, each with its package URL. Same arguments, same document.
/// Sources: SPDX 2.3, chapters 6, 7 and 11; package-url, purl-spec and its types deb, apk
/// and rpm.
nlohmann::json spdx_document(const SystemContents& contents, const SpdxSubject& subject);

/// "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12".
std::string package_url(const InstalledPackage& package, const SystemContents& system);

}  // namespace stages::supply_chain
