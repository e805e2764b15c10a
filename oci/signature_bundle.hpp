// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "oci/digest.hpp"
#include "oci/signing_key.hpp"

namespace oci {

// Signatures as cosign 3 keeps them: a bundle of Sigstore that is attached to the image as an OCI
// referrer. In it lies a signed statement (DSSE) whose subject is the image's digest. Certificates,
// logs and time stamps of a bundle are not looked at: the key is what is trusted.
// Source: cosign, specs/BUNDLE_SPEC.md; sigstore/protobuf-specs, sigstore_bundle.proto.

inline constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Whether `bundle` holds the statement, signed by one of `keys`, that `image` is signed. One about
/// an image's contents or origin (an attestation) is no such statement. Never throws for what the
/// bundle holds.
bool bundle_signs(std::string_view bundle, const Digest& image, std::span<const SigningKey> keys);

}  // namespace oci
