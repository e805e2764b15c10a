// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "orchestrator/event.hpp"
#include "orchestrator/plan.hpp"

namespace orchestrator {

/// What became of one stage.
struct StageOutcome {
  StageState state = StageState::kNotNeeded;
  std::chrono::system_clock::time_point started;
  std::chrono::milliseconds elapsed{0};
  std::optional<stages::Record> record;  ///< Set when it ran to its end or was cached.
  std::vector<std::string> facts;
  std::vector<std::string> warnings;
};

struct ExecutorOptions {
  unsigned jobs = 2;      ///< Stages at the same time.
  bool use_cache = true;  ///< false: every stage runs.
};

/// Runs the stages of `plan` whose result is not there, in parallel where the graph allows. After a
/// failure or a stop no new stage begins, the running ones are asked to stop, and the first failure
/// is thrown, with the stage as its context. `outcomes` is filled in either case, one per stage.
void execute(const Plan& plan, oci::Store& store, base::ProcessRunner& process, EventSink& events,
             const ExecutorOptions& options, const std::stop_token& stop,
             std::vector<StageOutcome>& outcomes);

}  // namespace orchestrator
