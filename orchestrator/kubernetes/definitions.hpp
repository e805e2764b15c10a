// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/kubernetes/resource.hpp"

namespace orchestrator::kubernetes {

/// A type of the manifest's tables as an OpenAPI v3 schema, structural as a CRD's must be.
Object open_api_schema(std::string_view type);

/// The CustomResourceDefinitions that packaging/kubernetes/crds/ has: group, names and fields are
/// kairos-operator's, whose objects they accept.
std::vector<Object> custom_resource_definitions();

}  // namespace orchestrator::kubernetes
