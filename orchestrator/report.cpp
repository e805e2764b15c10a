// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fstream>

namespace orchestrator {
namespace {

constexpr const char* kReportVersion = "osartifact.report/v1";

const char* name_of_state(const StageOutcome& outcome) {
  switch (outcome.state) {
    case StageState::kCached:
      return "cached";
    case StageState::kNotNeeded:
      return "not-needed";
    case StageState::kRun:
      break;
  }
  if (outcome.record) return "done";
  return outcome.started == std::chrono::system_clock::time_point() ? "not-started" : "failed";
}

nlohmann::json describe_stage(const PlannedStage& planned, const StageOutcome& outcome,
                              std::chrono::system_clock::time_point build_started) {
  nlohmann::json stage = {{"name", planned.stage->name()},
                          {"state", name_of_state(outcome)},
                          {"fingerprint", planned.fingerprint.text()},
                          {"milliseconds", outcome.elapsed.count()}};
  if (outcome.started != std::chrono::system_clock::time_point()) {
    stage["started"] = format_time(outcome.started);
    stage["startedAfterMilliseconds"] =
        std::chrono::duration_cast<std::chrono::milliseconds>(outcome.started - build_started)
            .count();
  }
  if (outcome.record) stage["result"] = *outcome.record;
  if (!outcome.facts.empty()) stage["facts"] = outcome.facts;
  if (!outcome.warnings.empty()) stage["warnings"] = outcome.warnings;
  return stage;
}

nlohmann::json describe_error(const base::Error& error) {
  return {{"code", base::name_of(error.code())}, {"exitStatus", base::exit_status(error.code())},
          {"what", error.facts().what},          {"why", error.facts().why},
          {"hint", error.facts().hint},          {"while", error.contexts()}};
}

}  // namespace

bool is_artifact(const PlannedStage& planned, const StageOutcome& outcome) {
  return planned.goal && outcome.record && outcome.record->contains("path");
}

nlohmann::json make_report(const BuildReport& build, const Plan& plan,
                           const std::vector<StageOutcome>& outcomes) {
  nlohmann::json report = {{"version", kReportVersion},
                           {"osartifact", OSARTIFACT_VERSION},
                           {"name", build.artifact},
                           {"started", format_time(build.started)},
                           {"finished", format_time(build.finished)},
                           {"image", build.image},
                           {"stages", nlohmann::json::array()},
                           {"artifacts", nlohmann::json::array()}};
  for (const auto index : build.stages) {
    if (index >= outcomes.size()) continue;
    report["stages"].push_back(describe_stage(plan.stages[index], outcomes[index], build.started));
    if (is_artifact(plan.stages[index], outcomes[index])) {
      report["artifacts"].push_back(*outcomes[index].record);
    }
  }
  if (build.written_bytes) report["writtenBytes"] = *build.written_bytes;
  if (build.error) report["error"] = describe_error(*build.error);
  return report;
}

std::optional<std::uint64_t> written_bytes() {
  std::ifstream io("/proc/self/io");
  std::string name;
  for (std::uint64_t value = 0; io >> name >> value;) {
    if (name == "write_bytes:") return value;
  }
  return std::nullopt;
}

void add_stages(nlohmann::json& report, const BuildReport& build, const Plan& plan,
                const std::vector<StageOutcome>& outcomes, bool before) {
  auto& stages = report["stages"];
  std::size_t at = before ? 0 : stages.size();
  for (std::size_t i = 0; i < plan.stages.size() && i < outcomes.size(); ++i) {
    if (plan.stages[i].artifact != build.artifact) continue;
    const auto place = stages.begin() + static_cast<std::ptrdiff_t>(at++);
    stages.insert(place, describe_stage(plan.stages[i], outcomes[i], build.started));
  }
}

std::string format_time(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace orchestrator
