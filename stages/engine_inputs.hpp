// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "oci/reference.hpp"
#include "stages/image_engine.hpp"

// What engines that run another program have in common.

namespace stages {

/// Build arguments for a command line, and the environment that their values come from.
struct ArgumentFlags {
  std::vector<std::string> flags;        ///< "--build-arg=NAME", or "--build-arg=NAME=VALUE".
  std::vector<std::string> environment;  ///< "NAME=VALUE".
};

/// Values stand in the program's environment, where other users do not see them; on its command
/// line only those whose name means something to the program itself, such as PATH. Proxies are
/// variables alone.
ArgumentFlags argument_flags(const ImageBuild& build);

/// Throws base::Error kUnsupported for results of steps in a registry, which only our own engine
/// reads and writes.
void refuse_caches(std::string_view engine, const ImageBuild& build);

/// The images that the Dockerfile names.
std::vector<oci::Reference> images_of(const ImageBuild& build);

/// Writes a file that we alone may read.
void write_private_file(const std::filesystem::path& path, std::string_view text);

}  // namespace stages
