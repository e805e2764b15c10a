// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "auth/credential.hpp"
#include "base/secret.hpp"

namespace auth {

/// A config.json with these entries alone, by key: "quay.io", "quay.io/team/image". Another program
/// is given it in a private file.
base::Secret docker_config_text(const std::map<std::string, Credential>& entries);

}  // namespace auth
