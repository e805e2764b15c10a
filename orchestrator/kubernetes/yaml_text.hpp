// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// The value as block YAML, ending in a newline. Texts are quoted wherever a YAML 1.1 reader could
/// take them for something else.
std::string to_yaml(const Object& value);

}  // namespace orchestrator::kubernetes
