// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "oci/manifest.hpp"
#include "oci/reference.hpp"
#include "oci/registry.hpp"
#include "oci/store.hpp"

namespace oci {

/// Thread-safe. `done` of `total` bytes of all blobs; what the registry has counts as done.
using PushProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct PushOptions {
  std::string mount_from;         ///< A repository on the same registry that may have the blobs.
  unsigned parallel = 4;          ///< Blobs at a time.
  bool nondistributable = false;  ///< Layers that others may not pass on are sent too.
};

struct PushResult {
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_blobs = 0;
  std::uint64_t present_blobs = 0;  ///< Blobs the registry had already or mounted.
};

/// Sends an image of `store`, or an index with all its images, to `destination`: first every blob,
/// then the manifests by digest, last `top` under its name; all bytes unchanged. So nothing is
/// named at the registry before all of it is there. Throws base::Error as Registry does; kNotFound
/// when the store lacks a part, before anything is sent; kUsage for a destination of another
/// digest.
PushResult push_image(Registry& registry, const Store& store, const Descriptor& top,
                      const Reference& destination, const PushOptions& options,
                      const PushProgress& progress, const std::stop_token& stop);

}  // namespace oci
