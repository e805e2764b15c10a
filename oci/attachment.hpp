// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>

#include "oci/manifest.hpp"
#include "oci/reference.hpp"
#include "oci/registry.hpp"
#include "oci/store.hpp"

namespace oci {

/// A document about an image: a bill of materials, where it came from.
struct Attachment {
  std::string artifact_type;  ///< "application/spdx+json".
  std::string media_type;     ///< Of `content`.
  std::string content;
  std::map<std::string, std::string> annotations;  ///< Of its manifest.
};

/// Sends it to the image's repository as a manifest whose subject is `image`; registries without
/// the referrers API get the list under the tag sha256-HEX. The same attachment has the same
/// digest: it is there once. Returns its manifest. Throws base::Error as Registry does.
Descriptor attach(Registry& registry, Store& store, const Reference& repository,
                  const Descriptor& image, const Attachment& attachment,
                  const std::stop_token& stop);

}  // namespace oci
