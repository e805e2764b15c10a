// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "oci/reference.hpp"
#include "oci/registry_session.hpp"

namespace oci {

/// Asks the registry whether it takes our credentials: for a pull the manifest (HEAD), for a push
/// the beginning of an upload, which is given up at once. Nothing is stored. Throws base::Error as
/// Registry does: kUnauthorized when it refuses; kNotFound for a pull of what is not there.
RegistrySession::Login check_login(const Reference& reference, bool push,
                                   const SessionContext& context, const std::stop_token& stop);

}  // namespace oci
