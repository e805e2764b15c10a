// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "oci/layer_diff.hpp"
#include "oci/store.hpp"

namespace stages::dockerfile {

/// What came of a step.
struct StepResult {
  std::optional<oci::MadeLayer> layer;  ///< None: it changed no file.
  std::int64_t created = 0;             ///< Seconds.
};

/// Results of steps by what they depend on: the files below, the instruction, what it copies, the
/// variables it sees. Kept in the store beside the results of stages. Thread-safe.
class StepCache {
 public:
  /// `use` false: finds nothing, but keeps what is put.
  StepCache(oci::Store& store, bool use) : store_(store), use_(use) {}

  /// `parts`: all that the result depends on. Never holds a secret.
  static oci::Digest key_of(const nlohmann::json& parts);

  /// Nullopt too when the layer has gone from the store.
  [[nodiscard]] std::optional<StepResult> find(const oci::Digest& key) const;
  void put(const oci::Digest& key, const StepResult& result);

 private:
  oci::Store& store_;
  bool use_;
};

}  // namespace stages::dockerfile
