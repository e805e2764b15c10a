// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "oci/pull.hpp"

namespace oci {

/// What pull_all() brought.
struct PulledAll {
  Descriptor top;  ///< The index, or the manifest where there is just one image.
  PullResult blobs;
};

/// Brings what `reference` leads to into the store, an index with the images of all platforms and
/// their attestations, and names it there. Nothing is expected to be fit for unpacking.
/// Throws base::Error as Registry and read_graph() do.
PulledAll pull_all(Registry& registry, Store& store, const Reference& reference, unsigned parallel,
                   const PullProgress& progress, const std::stop_token& stop);

/// As pull_all(), but from what the store has. Throws base::Error kNotFound when it lacks a part.
Descriptor find_all(const Store& store, const Reference& reference);

}  // namespace oci
