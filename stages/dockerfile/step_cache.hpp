// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oci/layer_diff.hpp"
#include "oci/store.hpp"

namespace stages::dockerfile {

/// What came of a step.
struct StepResult {
  std::optional<oci::MadeLayer> layer;  ///< None: it changed no file.
  std::int64_t created = 0;             ///< Seconds.
};

/// As it is kept: {"created", "layer": {"mediaType", "digest", "size", "diffId"}}.
nlohmann::json record_of_step(const StepResult& result);
/// The reverse; nullopt for anything else.
std::optional<StepResult> step_result_of(const nlohmann::json& record);

/// Results of steps by what they depend on: the files below, the instruction, what it copies, the
/// variables it sees. Kept in the store beside the results of stages. Thread-safe.
class StepCache {
 public:
  /// `use` false: finds nothing, but keeps what is put.
  StepCache(oci::Store& store, bool use) : store_(store), use_(use) {}

  /// `parts`: all that the result depends on. Never holds a secret.
  static oci::Digest key_of(const nlohmann::json& parts);

  /// Results that others have, by the text of their key, and how a layer of theirs comes into the
  /// store; may be called several times, before the first find().
  void add_elsewhere(std::map<std::string, StepResult> results,
                     std::function<void(const oci::Descriptor& layer)> fetch);

  /// Nullopt too when the layer has gone from the store and is not to be had elsewhere. Throws what
  /// fetching a layer throws.
  [[nodiscard]] std::optional<StepResult> find(const oci::Digest& key);
  void put(const oci::Digest& key, const StepResult& result);

  /// All that was found or put, by the text of its key.
  [[nodiscard]] std::map<std::string, StepResult> used() const;

 private:
  struct Elsewhere {
    std::map<std::string, StepResult> results;
    std::function<void(const oci::Descriptor& layer)> fetch;
  };
  [[nodiscard]] std::optional<StepResult> find_here(const oci::Digest& key) const;
  [[nodiscard]] std::optional<StepResult> find_elsewhere(const oci::Digest& key) const;

  oci::Store& store_;
  bool use_;
  std::vector<Elsewhere> elsewhere_;
  mutable std::mutex mutex_;
  std::map<std::string, StepResult> used_;
};

}  // namespace stages::dockerfile
