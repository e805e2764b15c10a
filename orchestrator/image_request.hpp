// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "oci/pull.hpp"
#include "oci/registry_rules.hpp"
#include "orchestrator/session.hpp"
#include "stages/build_image_stage.hpp"
#include "stages/dockerfile/outline.hpp"

namespace orchestrator {

/// An image that is to be built, whoever asks for it.
struct ImageRequest {
  stages::ImageBuild build;
  stages::dockerfile::Outline outline;  ///< Of build.dockerfile.
  std::vector<std::string> names;       ///< What the store is to call it.
  std::string context_digest;           ///< Empty: there is no context.
  std::vector<base::Secret> hidden;     ///< Taken out of what the engine says.
};

/// An image that a Dockerfile names, as it is now.
struct BaseOfBuild {
  oci::Reference reference;
  oci::ResolvedImage image;
  std::vector<oci::PullPlace> places;  ///< Where it is asked for; empty: nowhere.
};

/// A stage that builds an image, ready for a plan.
struct PlannedImageBuild {
  std::shared_ptr<const stages::BuildImageStage> stage;
  std::vector<BaseOfBuild> bases;
  std::int64_t created = 0;  ///< When the youngest of the bases was made, seconds since 1970.
};

/// Checks that the engine works here, and resolves the images that the Dockerfile names, with
/// `access` or from the store with --offline. Throws base::Error.
PlannedImageBuild plan_image_build(Session& session, ImageRequest request,
                                   const Session::Access& access);

/// The proxies of an environment, as build arguments: what every RUN sees.
std::map<std::string, std::string> proxy_arguments(const base::Environment& environment);

/// Tells the build of --cache-from and --cache-to. Throws base::Error kUsage.
void add_caches(const std::vector<std::string>& from, const std::string& to,
                stages::ImageBuild& build);

/// `K=V` of --build-arg; `K` alone takes the value of the environment, if there is one.
std::map<std::string, std::string> parse_build_arguments(const std::vector<std::string>& flags,
                                                         const base::Environment& environment);

}  // namespace orchestrator
