// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/blob_arrival.hpp"
#include "oci/manifest.hpp"
#include "oci/platform.hpp"
#include "oci/reference.hpp"
#include "oci/registry.hpp"
#include "oci/store.hpp"

namespace oci {

/// One image for one platform: what of it is small.
struct ResolvedImage {
  Descriptor descriptor;  ///< Of the image manifest, never of an index.
  Manifest manifest;
  /// Bytes of all layers, compressed, each counted once.
  [[nodiscard]] std::uint64_t layer_bytes() const;
};

/// Finds out what `reference` stands for now, and brings the index and manifest into the store
/// (each fetched only if the store lacks it). One HEAD when nothing changed. Throws base::Error as
/// Registry does, and kNotFound when the index has no image for `platform`.
ResolvedImage resolve_image(Registry& registry, Store& store, const Reference& reference,
                            const Platform& platform, const std::stop_token& stop);

/// The same from the store alone, under the name or digest it was pulled by.
/// Throws base::Error kNotFound naming what is missing.
ResolvedImage resolve_offline(const Store& store, const Reference& reference,
                              const Platform& platform);

/// Reads manifest and config of an image in the store. Throws base::Error kIntegrity or kNotFound.
Manifest read_manifest(const Store& store, const Descriptor& manifest);
ImageConfig read_config(const Store& store, const Manifest& manifest);

/// The image's config, fetched if the store lacks it. Throws base::Error kIntegrity when it does
/// not fit the manifest or is for another platform: before any layer is fetched.
ImageConfig fetch_config(Registry& registry, Store& store, const Reference& reference,
                         const ResolvedImage& image, const Platform& platform,
                         const std::stop_token& stop);

/// Thread-safe. `done` of `total` bytes of all layers; what was there already counts as done.
using PullProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct PullResult {
  std::uint64_t fetched_bytes = 0;   ///< Layer bytes that came over the network.
  std::uint64_t fetched_layers = 0;  ///< Layers of which at least one byte came.
  std::uint64_t reused_layers = 0;   ///< Layers that were whole in the store.
};

/// Thread-safe: how much of a layer is in the store by now. Fewer bytes than before: the transfer
/// began anew, and what came first may not have been the layer's.
using LayerArrived = std::function<void(const Digest& blob, const BlobArrival& arrival)>;

/// Brings config and layers of a resolved image into the store, `parallel` layers at a time, and
/// names it there by `reference`. `arrived` may be empty. Checks digests, and the config against
/// manifest and platform, before any layer is fetched.
PullResult pull_image(Registry& registry, Store& store, const Reference& reference,
                      const ResolvedImage& image, const Platform& platform, unsigned parallel,
                      const PullProgress& progress, const std::stop_token& stop,
                      const LayerArrived& arrived = {});

/// Brings blobs into the store, each once, as pull_image() does with layers.
PullResult pull_blobs(Registry& registry, Store& store, const Reference& reference,
                      const std::vector<Descriptor>& blobs, unsigned parallel,
                      const PullProgress& progress, const std::stop_token& stop);

}  // namespace oci
