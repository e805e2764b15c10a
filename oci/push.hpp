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

struct PushResult {
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_blobs = 0;
  std::uint64_t present_blobs = 0;  ///< Blobs the registry had already or mounted.
};

/// Sends an image of `store` to `destination`: blobs `parallel` at a time, then config, then the
/// manifest, its bytes unchanged. Nothing is named at the registry before all of it is there.
/// `mount_from`: a repository on the same registry that may have the blobs; may be empty.
PushResult push_image(Registry& registry, const Store& store, const Descriptor& manifest,
                      const Reference& destination, const std::string& mount_from,
                      unsigned parallel, const PushProgress& progress, const std::stop_token& stop);

}  // namespace oci
