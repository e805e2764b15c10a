// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.hpp"
#include "oci/layer_format.hpp"
#include "oci/manifest.hpp"
#include "oci/platform.hpp"
#include "oci/reference.hpp"
#include "stages/stage.hpp"

namespace stages {

/// A secret that RUN --mount=type=secret,id=ID may see.
struct BuildSecret {
  std::string id;
  base::Secret value;
};

/// One image to be built from a Dockerfile: what every engine is told.
struct ImageBuild {
  std::string dockerfile;           ///< Its text, rendered.
  std::string dockerfile_name;      ///< For messages: "Dockerfile", "spec.image.ociSpec.ref".
  std::filesystem::path context;    ///< A folder; empty: there is none.
  std::vector<std::string> ignore;  ///< Of what it is without; empty: those of its ignore file.
  std::map<std::string, std::string> build_args;  ///< Also the proxies'.
  std::string target;                             ///< A stage; empty: the last.
  oci::Platform platform;
  std::vector<BuildSecret> secrets;
  std::map<std::string, std::string> ssh;  ///< id -> agent socket of the host.
  std::map<std::string, std::string> labels;
  std::optional<std::int64_t> epoch;  ///< SOURCE_DATE_EPOCH.
  bool use_cache = true;
  std::vector<oci::Reference> cache_from;  ///< Results of steps in registries, to be used.
  std::optional<oci::Reference> cache_to;  ///< Where to keep those of this build.
  oci::LayerFormat layer_format = oci::LayerFormat::kGzip;
  bool may_mount = false;  ///< Overlays may be tried.
  unsigned threads = 2;    ///< For compressing and for stages side by side.
};

/// Builds images. One each for the native engine, kaniko and buildah.
class ImageEngine {
 public:
  virtual ~ImageEngine() = default;

  /// "native", "kaniko", "buildah".
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Throws base::Error when it cannot build this here: kArtifactTool for a program that is missing
  /// or too old, kUnsupported for what the engine does not know. Called before anything starts.
  virtual void check(base::ProcessRunner& process, const ImageBuild& build) const = 0;

  /// Builds the image into the store, complete, and returns its manifest's descriptor; names
  /// nothing. `context.registry` has the credentials for FROM and caches. Throws base::Error:
  /// kManifest for what is wrong with the Dockerfile, with its line; kBuildStep for a failed step.
  virtual oci::Descriptor build(const StageContext& context, const ImageBuild& build) const = 0;
};

}  // namespace stages
