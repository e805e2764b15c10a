// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <stop_token>

#include "oci/layer_blob.hpp"
#include "oci/pull.hpp"

namespace oci {

/// What is done with layers while they are on their way: it asks for their bytes with `ready`. May
/// be called a second time, from the start, where what came first was not the layer.
using AlongWork = std::function<void(const BlobReady& ready, const std::stop_token& stop)>;

/// pull_image() on a thread of its own, and `work` meanwhile on the caller's. Returns when both are
/// done; when one fails the other is stopped, and what the first failed with is thrown.
PullResult pull_along(Registry& registry, Store& store, const Reference& reference,
                      const ResolvedImage& image, const Platform& platform, unsigned parallel,
                      const PullProgress& progress, const AlongWork& work,
                      const std::stop_token& stop);

}  // namespace oci
