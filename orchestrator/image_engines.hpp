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

/// The engine of --image-engine.
std::shared_ptr<const stages::ImageEngine> make_image_engine(Session& session);

}  // namespace orchestrator
