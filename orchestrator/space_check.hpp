// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "oci/store.hpp"
#include "orchestrator/build_plan.hpp"

namespace orchestrator {

/// Throws base::Error kNoSpace, with the numbers, for a build that the disks of the store and of
/// the output folder cannot hold, before anything of it is fetched. How large an image is unpacked
/// shows only then: what is asked for is the least that such a build was ever seen to need.
void check_space(const BuildPlan& build, const std::vector<StageState>& states,
                 const oci::Store& store);

}  // namespace orchestrator
