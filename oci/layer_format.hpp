// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace oci {

/// How the layers that are made here are compressed. gzip is read by all that reads images; zstd is
/// smaller and quicker to read, where Docker is 23 or newer and Kubernetes' runtime of its age.
enum class LayerFormat { kGzip, kZstd };

}  // namespace oci
