// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
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

/// Who a container's processes are.
struct ImageUser {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;
  std::string home = "/";
};

/// Looks "user[:group]" up in the /etc/passwd and /etc/group of the tree `root`; empty is root.
/// Numbers need not be there. Throws base::Error kBuildStep for a name that is not.
ImageUser find_user(const std::filesystem::path& root, const std::string& text);

}  // namespace stages
