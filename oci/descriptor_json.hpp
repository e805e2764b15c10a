// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oci/manifest.hpp"

namespace oci {

// The parts that manifests, indexes and configs have in common. `what` names the document; every
// function throws base::Error kIntegrity for what is not as the OCI image-spec says.

/// The string at `name`; empty when there is none.
std::string text_field(const nlohmann::json& object, const char* name, std::string_view what);

/// Refuses keys that differ from ours only in case: another parser may read them (CVE-2021-41190).
void refuse_lookalikes(const nlohmann::json& object, std::span<const std::string_view> keys,
                       std::string_view what);

std::map<std::string, std::string> parse_annotations(const nlohmann::json& object,
                                                     std::string_view what);

/// Source: OCI image-spec, descriptor.md.
Descriptor parse_descriptor(const nlohmann::json& object, std::string_view what);
/// The list at `name`; empty when there is none.
std::vector<Descriptor> parse_descriptors(const nlohmann::json& document, const char* name,
                                          std::string_view what);

}  // namespace oci
