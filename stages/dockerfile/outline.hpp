// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "oci/platform.hpp"
#include "stages/image_engine.hpp"

// What a plan wants to know of a Dockerfile before anybody builds it.

namespace stages::dockerfile {

struct Declarations {
  std::set<std::string> arguments;  ///< Names of all ARGs.
  std::vector<int> from_lines;      ///< Of each FROM, from 1.
};

/// Throws base::Error kManifest as parse_dockerfile() does.
Declarations declarations_of(const ImageBuild& build);

/// An image that FROM, COPY --from or RUN --mount=from= names.
struct NamedImage {
  std::string name;
  oci::Platform platform;  ///< It is wanted for.
  std::string place;       ///< "Dockerfile:3: FROM name", the first that names it.
};

struct Outline {
  std::vector<NamedImage> images;  ///< Of the stages that the target needs, each once, in order.
  /// It adds what can change without notice: URLs and repositories without a checksum.
  bool takes_from_elsewhere = false;
};

/// Throws base::Error kManifest with the line, also for what cannot be an image. What ONBUILD of a
/// base image adds is not seen.
Outline outline_of(const ImageBuild& build);

}  // namespace stages::dockerfile
