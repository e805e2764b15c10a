// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/manifest.hpp"
#include "oci/platform.hpp"
#include "oci/pull.hpp"
#include "oci/store.hpp"

namespace oci {

/// Brings one image of an OCI image layout into the store: the one named `tag`, or the only one; of
/// an index, the one for `platform`. Every blob's size and digest are checked; a blob that is a
/// link is refused. Throws base::Error: kNotFound (no layout, no such name, no such platform),
/// kIntegrity. Source: OCI image-spec, image-layout.md.
ResolvedImage import_layout(Store& store, const std::filesystem::path& layout,
                            const std::optional<std::string>& tag, const Platform& platform,
                            std::stop_token stop);

}  // namespace oci
