// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>

#include "oci/layer_options.hpp"
#include "oci/tar_reader.hpp"

namespace oci {

/// Writes one layer over what lower layers left in the folder `root` (a descriptor that may be
/// read; its folder may be a mounted overlay). Whiteouts hide lower layers only, wherever in the
/// tar they stand. Nothing outside `root` is read or changed, whatever the layer holds.
/// `name` is for messages ("layer 2 (sha256:...)"); `usage` is added to.
/// Throws base::Error: kIntegrity for what no sound layer holds and for broken limits, kIo,
/// kNoSpace, kInterrupted. Source: OCI image-spec, layer.md, "Applying Changesets".
void apply_layer(TarReader& tar, int root, const std::string& name, const LayerOptions& options,
                 LayerUsage& usage, const Warning& warn, const std::stop_token& stop);

}  // namespace oci
