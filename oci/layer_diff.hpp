// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "oci/layer_format.hpp"
#include "oci/layer_options.hpp"
#include "oci/store.hpp"
#include "oci/tar_stream.hpp"

namespace oci {

/// How changes become a layer.
struct DiffOptions {
  std::optional<std::int64_t> epoch;  ///< Seconds; nothing is younger than this. None: as it is.
  Warning warn;                       ///< Of sockets, which no layer can hold.
  std::stop_token stop;
};

/// Writes what an overlay's upper folder adds to the tree `lower` and hides of it: parents before
/// children, in a folder first what is hidden (`.wh.NAME`, `.wh..wh..opq`), then names in byte
/// order. Times in whole seconds. The root folder itself has no entry, nor has a folder that is as
/// it was and in which nothing changed. Throws base::Error kIo, kInterrupted, and kUnsupported for
/// an upper folder that refers to lower names (redirect, metacopy).
/// Source: OCI image-spec, layer.md, "Change Types"; kernel, overlayfs.rst.
void write_upper(int lower, int upper, TarStream& tar, const DiffOptions& options);

/// A layer of our own making.
struct MadeLayer {
  Descriptor blob;
  Digest diff_id;
};

/// How a layer is compressed.
struct LayerPacking {
  LayerFormat format = LayerFormat::kGzip;
  unsigned threads = 1;  ///< They share the work and do not show in the result.
};

/// Puts a layer into the store: the tar that `fill` writes, compressed.
MadeLayer make_layer(const Store& store, const LayerPacking& packing,
                     const std::function<void(TarStream& tar)>& fill);

}  // namespace oci
