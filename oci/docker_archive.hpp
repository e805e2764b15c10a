// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "oci/image_location.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

// The archive of `docker save`: manifest.json names a config and layer tars for every image in it.
// Source: moby, image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset Format".

inline constexpr std::size_t kMaxDockerManifestBytes = 1U << 20;

/// As import_image() of image_files.hpp. Makes an OCI manifest for it.
Descriptor import_docker_archive(Store& store, const ImageLocation& from,
                                 const std::stop_token& stop);

/// As export_image(). Layers go out as they are, but for zstd, which is unpacked: `docker load` of
/// today's stable distributions cannot read it.
void export_docker_archive(Store& store, const Manifest& manifest, const ImageConfig& config,
                           const ImageLocation& to, const std::stop_token& stop);

}  // namespace oci
