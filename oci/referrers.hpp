// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/manifest.hpp"

namespace oci {

// Registries without the referrers API keep the list of what is about a manifest (signatures,
// attestations, bills of materials) as an index under a tag, which its pushers look after.
// Source: OCI distribution-spec, "Referrers Tag Schema".

/// A manifest that is about another.
struct Referral {
  Descriptor subject;
  Descriptor referrer;  ///< With the referrer's own annotations.
  std::string artifact_type;
};

/// nullopt when the document has no subject. Throws base::Error kIntegrity.
std::optional<Referral> referral_of(std::string_view document, std::string_view media_type,
                                    const Digest& digest, std::string_view what);

/// sha256-<hex>; at most 64 digits, also of longer digests.
std::string referrers_tag(const Digest& subject);

/// `index` (empty: there is none yet) with the referrer added; nullopt when it lists it already.
/// What else stands in it stays. Throws base::Error kIntegrity when it is no index.
std::optional<std::string> with_referral(std::string_view index, const Referral& referral,
                                         std::string_view what);

/// The entries of such a list that are of `artifact_type`, or do not say of what type they are.
/// Throws base::Error kIntegrity when it is no index.
std::vector<Descriptor> referrers_in(std::string_view index, std::string_view artifact_type,
                                     std::string_view what);

}  // namespace oci
