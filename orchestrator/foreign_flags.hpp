// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace orchestrator {

/// What to give here for a flag that people know from other programs (skopeo, crane, buildah,
/// docker, kubectl, Kaniko): a hint; empty when it is none of those. `command` as "image build".
std::string instead_of(std::string_view command, std::string_view flag);

}  // namespace orchestrator
