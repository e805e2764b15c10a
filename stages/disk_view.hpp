// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "stages/artifact_view.hpp"

namespace stages {

// What there is to say of disks. Each adds to `view` and throws as ArtifactViewRow says.

/// "architecture", "firmware" and "partitions", each with its file system.
void describe_disk(const DiskBytes& disk, const ViewContext& context, ArtifactView& view);
/// "volume", "boot" and, of a hybrid one, "partitions".
void describe_iso(const DiskBytes& iso, const ViewContext& context, ArtifactView& view);

}  // namespace stages
