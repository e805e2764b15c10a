// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "orchestrator/session.hpp"
#include "stages/image_engine.hpp"

namespace orchestrator {

/// The names that --image-engine takes, the default first.
std::vector<std::string> image_engine_names();

/// The engine of --image-engine; `access` is to the images that the build may pull. The session
/// outlives it. Throws base::Error kUsage for an engine that cannot do without the network.
std::shared_ptr<const stages::ImageEngine> make_image_engine(Session& session,
                                                             const Session::Access& access);

}  // namespace orchestrator
