// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "oci/layer_blob.hpp"
#include "oci/pull.hpp"
#include "oci/tree.hpp"
#include "stages/dockerfile/image_draft.hpp"
#include "stages/stage.hpp"

namespace stages::dockerfile {

/// An image that a Dockerfile names: what of it is small.
struct BaseImage {
  oci::Reference reference;
  oci::Platform platform;  ///< That was asked for.
  oci::ResolvedImage image;
  ImageDraft draft;
};

/// The images that a Dockerfile names. Each is resolved once, so that one build sees one image
/// under one name. Thread-safe.
class BaseImages {
 public:
  /// `context` outlives it. Without a registry there it takes what the store has.
  BaseImages(const StageContext& context, unsigned parallel)
      : context_(context), parallel_(parallel) {}

  /// Throws base::Error as oci::resolve_image() and fetch_config() do, kManifest for a name that is
  /// none, and kNotFound when the image is for another platform.
  std::shared_ptr<const BaseImage> find(const std::string& name, const oci::Platform& platform);

  /// Brings the layers into the store; where `kind` is kOverlay also unpacks them as they come.
  void fetch_layers(const BaseImage& base, oci::SnapshotKind kind,
                    const oci::UnpackContext& unpack);

 private:
  const StageContext& context_;
  unsigned parallel_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const BaseImage>> found_;
};

}  // namespace stages::dockerfile
