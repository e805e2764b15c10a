// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// The JSON merge patch (RFC 7396) that makes `after` of `before`; an empty object where they are
/// the same. Neither holds nulls.
Object merge_patch_between(const Object& before, const Object& after);

}  // namespace orchestrator::kubernetes
