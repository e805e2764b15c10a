// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace orchestrator {

/// A report (make_report()) as one HTML page: timeline of the stages, what was cached, artifacts
/// with their digests, warnings, and the error with the last lines of what failed. Nothing is
/// loaded from elsewhere and no script runs; text of images and tools is shown as text.
std::string report_page(const nlohmann::json& report);

}  // namespace orchestrator
