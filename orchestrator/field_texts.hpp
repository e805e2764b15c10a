// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace orchestrator {

/// What a field of the manifest does, for people; empty for one of Kubernetes' own. `type` is a
/// name of a table of manifest/schema.hpp.
std::string_view text_of_field(std::string_view type, std::string_view field);

}  // namespace orchestrator
