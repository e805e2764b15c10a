// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "oci/byte_source.hpp"
#include "oci/layer_options.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// One layer of an image, by both its digests.
struct ImageLayer {
  std::string name;  ///< For messages: "layer 2 of 8 (sha256:...)".
  Descriptor blob;
  Digest diff_id;
};

/// Pairs the layers of an image with their diff ids, base first. Throws base::Error: kIntegrity
/// when they do not pair, kUnsupported for a layer that is no tar (encrypted, foreign, unknown).
std::vector<ImageLayer> layers_of(const Manifest& manifest, const ImageConfig& config);

/// What unpacking reports to and obeys.
struct UnpackContext {
  LayerOptions options;
  PassedBytes progress;  ///< Compressed bytes consumed; may be empty.
  Warning warn;
  std::stop_token stop;
};

/// Writes a layer of the store into the folder `root`, checking both digests on the way; what is in
/// `root` is to be used only when this returns. A blob that is not what its name says is removed
/// from the store. Throws base::Error as apply_layer() does, and kNotFound.
void unpack_layer(Store& store, const ImageLayer& layer, int root, LayerUsage& usage,
                  const UnpackContext& context);

}  // namespace oci
