// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// Everything that an image, or an index of images, consists of.
struct ImageGraph {
  /// Manifests and indexes, each once and after all that it names: the top is the last.
  std::vector<Descriptor> documents;
  std::vector<Descriptor> blobs;  ///< Layers and configs, each once.
};

/// Gives the bytes of a manifest or index; digest checked, at most kMaxManifestBytes.
using DocumentReader = std::function<std::string(const Descriptor&)>;

/// Follows `top` down. `what` names the image. Throws what `read` throws, and base::Error:
/// kIntegrity for documents that are not valid or indexes nested without end, kUnsupported for an
/// entry of an index that is neither manifest nor index.
ImageGraph read_graph(const Descriptor& top, const DocumentReader& read, std::string_view what);

/// Of an image in `store`. Throws base::Error kNotFound when a document is missing there.
ImageGraph read_graph(const Store& store, const Descriptor& top, std::string_view what);

}  // namespace oci
