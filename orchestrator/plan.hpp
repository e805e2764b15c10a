// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "oci/registry.hpp"
#include "stages/stage.hpp"

namespace orchestrator {

/// One stage in its place in the graph.
struct PlannedStage {
  std::string artifact;  ///< Name of the OSArtifact that wants it first.
  std::string where;     ///< "OSArtifact 'demo' (demo.yaml:3)", for messages.
  std::shared_ptr<const stages::Stage> stage;
  std::shared_ptr<oci::Registry> registry;    ///< With the keychain it may use; may be null.
  std::map<std::string, std::size_t> inputs;  ///< Input name -> index of the stage that makes it.
  oci::Digest fingerprint;
  bool goal = false;  ///< Somebody wants its result itself, not only as an input.
};

/// A graph of stages in an order in which every stage stands after its inputs.
struct Plan {
  std::vector<PlannedStage> stages;

  /// Adds a stage and returns its index. A stage with a fingerprint that is there already is the
  /// same stage: it is not added twice, so that two OSArtifacts of one image share their pull.
  std::size_t add(std::string artifact, std::string where,
                  std::shared_ptr<const stages::Stage> stage,
                  std::shared_ptr<oci::Registry> registry,
                  const std::map<std::string, std::size_t>& inputs, bool goal);
};

/// sha256 over the stage's name, version, parameters and its inputs' fingerprints.
oci::Digest fingerprint_of(const stages::Stage& stage,
                           const std::map<std::string, oci::Digest>& inputs);

/// What will happen to a stage.
enum class StageState {
  kRun,        ///< It runs.
  kCached,     ///< Its result is there.
  kNotNeeded,  ///< Only cached stages want it, and its own result is gone.
};

/// The state of every stage of `plan`, given what the store holds. With `use_cache` false all run.
std::vector<StageState> examine(const Plan& plan, const oci::Store& store, bool use_cache);

}  // namespace orchestrator
