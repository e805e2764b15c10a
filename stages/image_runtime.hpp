// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace stages {

/// How an image wants to be run. Source: OCI image-spec, config.md, "config".
struct ImageRuntime {
  std::vector<std::string> environment;  ///< "NAME=VALUE".
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::string working_directory;  ///< Empty: it does not say.
  std::string user;               ///< "", "name", "1000:1000", "name:group"...
};

/// Reads it from the image's config in the store. Throws base::Error kIntegrity or kNotFound.
ImageRuntime read_image_runtime(const oci::Store& store, const oci::Manifest& manifest);

}  // namespace stages
