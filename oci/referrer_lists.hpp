// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "oci/manifest.hpp"
#include "oci/reference.hpp"

namespace oci {

/// What a Registry may be besides: one that knows what is about an image. Thread-safe.
/// Source: OCI distribution-spec, "Listing Referrers".
class ReferrerLists {
 public:
  virtual ~ReferrerLists() = default;

  /// The manifests that are about `subject` and of `artifact_type`: the registry's own list or,
  /// where it keeps none, the one under the tag for it. One of which no list says what it is counts
  /// too. Empty where there is nothing. Throws base::Error as Registry does.
  virtual std::vector<Descriptor> referrers(const Reference& repository, const Digest& subject,
                                            const std::string& artifact_type,
                                            std::stop_token stop) = 0;
};

}  // namespace oci
