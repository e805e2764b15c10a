// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "oci/layer_options.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// `done` of `total` compressed bytes of all layers.
using UnpackProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// What every layer of one unpacking shares.
struct UnpackRun {
  Store& store;
  const Manifest& manifest;
  const ImageConfig& config;
  LayerOptions options;
  UnpackProgress progress;
  Warning warn;
  std::stop_token stop;
};

/// Writes the layers of an image, base first, into the folder `root`, which is empty before. Each
/// blob's digest and diff id are checked while it streams. A blob that is not what its name says is
/// removed from the store. Throws base::Error as apply_layer() does, naming layer and digest.
void unpack_layers(const UnpackRun& run, int root);

/// One layer of these: number `index` from 0. `done` counts the bytes of the layers before it.
void unpack_layer(const UnpackRun& run, std::size_t index, int root, std::uint64_t done,
                  LayerUsage& usage);

/// Bytes of all layers as stored.
std::uint64_t layer_bytes(const Manifest& manifest);

}  // namespace oci
