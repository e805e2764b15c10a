// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/blob_arrival.hpp"
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
  BlobReady ready = {};  ///< Empty: all blobs are in the store.
};

/// Unpacks layers of one image. While one is written, the next is read and decompressed already.
class LayerQueue {
 public:
  /// Both outlive this.
  LayerQueue(Store& store, const UnpackContext& context, std::vector<ImageLayer> layers);
  ~LayerQueue();
  LayerQueue(const LayerQueue&) = delete;
  LayerQueue& operator=(const LayerQueue&) = delete;
  LayerQueue(LayerQueue&&) = delete;
  LayerQueue& operator=(LayerQueue&&) = delete;

  [[nodiscard]] const std::vector<ImageLayer>& layers() const { return layers_; }

  /// Writes layer number `index` into the folder `root`, checking both digests on the way; what is
  /// in `root` is to be used only when this returns. A blob that is not what its name says is
  /// removed from the store. Throws base::Error as apply_layer() does, and kNotFound.
  void unpack(std::size_t index, int root);

 private:
  class Flow;
  std::unique_ptr<Flow> begin(std::size_t index);

  Store& store_;
  const UnpackContext& context_;
  std::vector<ImageLayer> layers_;
  LayerUsage usage_;
  std::unique_ptr<Flow> next_;
  std::size_t next_index_ = 0;
};

}  // namespace oci
