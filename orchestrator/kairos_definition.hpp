// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "orchestrator/manifest/osartifact.hpp"

namespace orchestrator {

/// What spec.image.buildOptions puts before the user's part of a build definition: the stage that
/// holds kairos-init, and the base image. Source: kairos-operator v0.1.3, default_ocispec.go.
std::string_view kairos_head();

/// What it puts after it: kairos-init makes a Kairos system of what is there. Values of build
/// arguments are data for the shell of the step, whatever they hold.
std::string_view kairos_tail();

/// The build arguments that buildOptions give.
std::map<std::string, std::string> kairos_arguments(const manifest::BuildOptions& options);

}  // namespace orchestrator
