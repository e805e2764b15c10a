// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "oci/reference.hpp"
#include "oci/registry.hpp"
#include "oci/signing_key.hpp"
#include "oci/store.hpp"

namespace oci {

// Signatures as cosign keeps them: an image beside the signed one, under the tag sha256-HEX.sig,
// each layer a payload that names the digest, its signature an annotation.
// Source: cosign, specs/SIGNATURE_SPEC.md. Those of cosign 3 (signature_bundle.hpp) are read as
// well.

/// Signs `image`, which the registry has, unless a signature by this key is there already; false
/// then. Signatures by others stay. Throws base::Error as Registry does.
bool sign_image(Registry& registry, Store& store, const Reference& repository, const Digest& image,
                const SigningKey& key, const std::stop_token& stop);

/// Throws base::Error kIntegrity unless `image` has a signature by one of `keys`; and as Registry.
void require_signature(Registry& registry, const Reference& repository, const Digest& image,
                       std::span<const SigningKey> keys, const std::stop_token& stop);

/// Attaches an in-toto statement about `image`, signed (DSSE), where cosign verify-attestation
/// looks for it: under the tag sha256-HEX.att. One of the same predicate type and content is not
/// added again; false then.
bool attest_image(Registry& registry, Store& store, const Reference& repository,
                  const Digest& image, std::string_view statement, const SigningKey& key,
                  const std::stop_token& stop);

}  // namespace oci
