// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "oci/image_location.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// Brings an image into the store: its manifest, config and layers, every digest checked. Of an
/// index the manifest for `platform` is taken. Returns the manifest's descriptor; names nothing.
/// Throws base::Error: kNotFound when there is no such file, name or platform, kUsage when it takes
/// a name to tell several images apart, kIntegrity for what is not as it says, kInterrupted.
Descriptor import_image(Store& store, const ImageLocation& from, const Platform& platform,
                        const std::stop_token& stop);

/// As import_image(), but all that the name leads to: an index comes with all its images.
Descriptor import_all(Store& store, const ImageLocation& from, const std::stop_token& stop);

/// Writes an image of the store out, or an index with all its images. A file appears whole or not
/// at all; a layout directory keeps the other images it has.
/// Throws base::Error: kIntegrity (a corrupt blob is removed from the store), kNotFound, kUsage (a
/// docker archive cannot hold an index), kIo, kNoSpace, kInterrupted.
void export_image(Store& store, const Descriptor& top, const ImageLocation& to,
                  const std::stop_token& stop);

}  // namespace oci
