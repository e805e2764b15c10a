// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "orchestrator/executor.hpp"

namespace orchestrator {

/// One OSArtifact's share of a build.
struct BuildReport {
  std::string artifact;
  nlohmann::json image;  ///< {"reference", "digest"...}: as describe_image() gives it.
  std::chrono::system_clock::time_point started;
  std::chrono::system_clock::time_point finished;
  std::vector<std::size_t> stages;  ///< Indices into the plan.
  std::optional<base::Error> error;
  std::optional<std::uint64_t> written_bytes = {};  ///< See written_bytes().
};

/// Whether a stage's record is of a file that somebody wants.
bool is_artifact(const PlannedStage& planned, const StageOutcome& outcome);
/// Bytes that this process and the programs that it ran caused to be written to disks so far;
/// nullopt where the kernel does not count. Source: proc(5), /proc/PID/io.
std::optional<std::uint64_t> written_bytes();

/// The content of NAME.report.json: enough to say where every byte came from, and no secret.
nlohmann::json make_report(const BuildReport& build, const Plan& plan,
                           const std::vector<StageOutcome>& outcomes);

/// Adds the stages of another plan that belong to the report's OSArtifact: before those that are
/// there, or after them.
void add_stages(nlohmann::json& report, const BuildReport& build, const Plan& plan,
                const std::vector<StageOutcome>& outcomes, bool before);

/// "2026-11-23T21:45:00Z".
std::string format_time(std::chrono::system_clock::time_point time);

}  // namespace orchestrator
