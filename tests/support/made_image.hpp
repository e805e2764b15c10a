// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace tests {

/// An image made of these layer blobs (`packed`) and put into a store.
struct MadeImage {
  oci::Manifest manifest;
  oci::ImageConfig config;
  oci::Descriptor descriptor;  ///< Of the manifest blob.
};

/// `tars`: base first; each is packed with gzip.
MadeImage make_image(oci::Store& store, const std::vector<std::string>& tars);

/// An index of these images, one for each platform, put into the store; its descriptor.
oci::Descriptor make_index(oci::Store& store,
                           const std::vector<std::pair<std::string, oci::Descriptor>>& images);

}  // namespace tests
