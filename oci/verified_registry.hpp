// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "oci/registry.hpp"
#include "oci/signing_key.hpp"

namespace oci {

/// A registry of which no image is used that none of `keys` has signed: resolve() and manifest()
/// throw base::Error kIntegrity for it. The images of a signed index count as signed. What is sent
/// is not looked at.
std::shared_ptr<Registry> make_verified_registry(std::shared_ptr<Registry> registry,
                                                 std::vector<SigningKey> keys);

/// For an image that is used without asking the registry for it, because it is here already: throws
/// as resolve() would. Any other registry lets it pass.
void require_trusted(Registry& registry, const Reference& repository, const Digest& image,
                     const std::stop_token& stop);

}  // namespace oci
