// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "oci/manifest.hpp"

namespace oci {

// The `index.json` of an OCI image layout, as text in and text out: what we do not know in it stays
// as it was. Source: OCI image-spec, image-layout.md, "index.json file".

inline constexpr std::size_t kMaxLayoutIndexBytes = 64U << 20;
inline constexpr std::string_view kLayoutFile = R"({"imageLayoutVersion":"1.0.0"})";
inline constexpr std::string_view kEmptyLayoutIndex = R"({"schemaVersion":2,"manifests":[]})";

/// `index` with `name` leading to `manifest`, and to nothing else; an empty name is the one entry
/// that has none. `what` names the document.
/// Throws base::Error kIntegrity when `index` is not one.
std::string with_name(std::string_view index, std::string_view name, const Descriptor& manifest,
                      std::string_view what);

/// What `name` leads to. Throws base::Error kIntegrity when two entries have it.
std::optional<Descriptor> find_name(std::string_view index, std::string_view name,
                                    std::string_view what);

/// A descriptor as the OCI specification writes it.
nlohmann::json to_json(const Descriptor& descriptor);

}  // namespace oci
