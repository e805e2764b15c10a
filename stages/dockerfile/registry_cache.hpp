// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "oci/reference.hpp"
#include "stages/dockerfile/step_cache.hpp"
#include "stages/stage.hpp"

// Results of steps kept in a registry: a manifest whose config lists them by key and whose layers
// are the layers they made. Source: OCI image-spec, manifest.md, "Guidelines for Artifact Usage".

namespace stages::dockerfile {

/// What the registry has under `reference`. Nothing there, or nothing to be had, is a warning and
/// an empty answer: the steps run. Throws base::Error kInterrupted.
std::map<std::string, StepResult> read_registry_cache(const StageContext& context,
                                                      const oci::Reference& reference,
                                                      const std::stop_token& stop);

/// Replaces what is under `reference`. Every layer of `steps` is in the store; those that the
/// registry has are not sent. Throws base::Error as oci::push_image() does.
void write_registry_cache(const StageContext& context, const oci::Reference& reference,
                          const std::map<std::string, StepResult>& steps,
                          const std::stop_token& stop);

}  // namespace stages::dockerfile
