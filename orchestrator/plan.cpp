// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/plan.hpp"

#include <algorithm>
#include <utility>

namespace orchestrator {

std::size_t Plan::add(std::string artifact, std::string where,
                      std::shared_ptr<const stages::Stage> stage,
                      std::shared_ptr<oci::Registry> registry,
                      const std::map<std::string, std::size_t>& inputs, bool goal) {
  std::map<std::string, oci::Digest> digests;
  for (const auto& [name, index] : inputs) digests.emplace(name, stages.at(index).fingerprint);
  const auto fingerprint = fingerprint_of(*stage, digests);
  const auto same = std::find_if(stages.begin(), stages.end(), [&](const PlannedStage& planned) {
    return planned.fingerprint == fingerprint;
  });
  if (same != stages.end()) {
    same->goal = same->goal || goal;
    return static_cast<std::size_t>(same - stages.begin());
  }
  stages.push_back({.artifact = std::move(artifact),
                    .where = std::move(where),
                    .stage = std::move(stage),
                    .registry = std::move(registry),
                    .inputs = inputs,
                    .fingerprint = fingerprint,
                    .goal = goal});
  return stages.size() - 1;
}

oci::Digest fingerprint_of(const stages::Stage& stage,
                           const std::map<std::string, oci::Digest>& inputs) {
  nlohmann::json description = {{"name", stage.name()},
                                {"version", stage.version()},
                                {"parameters", stage.parameters()},
                                {"inputs", nlohmann::json::object()}};
  for (const auto& [name, digest] : inputs) description["inputs"][name] = digest.text();
  return oci::Digest::of(description.dump());
}

std::vector<StageState> examine(const Plan& plan, const oci::Store& store, bool use_cache) {
  const auto count = plan.stages.size();
  std::vector<StageState> states(count, StageState::kRun);
  if (!use_cache) return states;
  for (std::size_t i = 0; i < count; ++i) {
    const auto record = store.result(plan.stages[i].fingerprint);
    const bool valid = record && plan.stages[i].stage->still_valid(*record, store);
    states[i] = valid ? StageState::kCached : StageState::kRun;
  }
  // From the goals back: what no running stage needs does not run either.
  for (std::size_t i = count; i-- > 0;) {
    if (states[i] != StageState::kRun || plan.stages[i].goal) continue;
    bool needed = false;
    for (std::size_t user = i + 1; user < count && !needed; ++user) {
      if (states[user] != StageState::kRun) continue;
      for (const auto& [name, index] : plan.stages[user].inputs) needed = needed || index == i;
    }
    if (!needed) states[i] = StageState::kNotNeeded;
  }
  return states;
}

}  // namespace orchestrator
