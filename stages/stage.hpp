// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "oci/registry.hpp"
#include "oci/store.hpp"

namespace stages {

/// What a stage says while it runs. Thread-safe.
class StageObserver {
 public:
  virtual ~StageObserver() = default;
  /// `done` of `total` bytes; `total` 0 when it is not known.
  virtual void progress(std::uint64_t done, std::uint64_t total) = 0;
  /// One fact worth a line in the log: "kernel: /boot/vmlinuz-6.1.0 (image)".
  virtual void fact(std::string_view text) = 0;
  virtual void warning(std::string_view text) = 0;
  /// A line that a program of the user's wrote: shown, and not kept for the report.
  virtual void output(std::string_view text) { fact(text); }
};

/// Everything a stage may touch outside its own options. Tests pass fakes.
struct StageContext {
  oci::Store& store;
  oci::Registry* registry;  ///< With the credentials it may use; nullptr when it may use none.
  base::ProcessRunner& process;
  StageObserver& observer;
  std::stop_token stop;  ///< Set on SIGINT, SIGTERM and when another stage failed.
};

/// What a stage made, as it is kept in the store: names, digests, paths and sizes; never a secret.
using Record = nlohmann::json;

/// The records of a stage's inputs, by name.
using Inputs = std::map<std::string, Record, std::less<>>;

/// One step of a build. It says what it needs and gives, so that the orchestrator can order the
/// stages, skip those whose result is there, and run the rest in parallel. Stateless between runs.
class Stage {
 public:
  virtual ~Stage() = default;

  /// Stable, kebab-case: appears in logs, reports and error messages.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Raised when the same parameters give another result than before.
  [[nodiscard]] virtual int version() const = 0;

  /// Names of the records that run() needs: what other stages call themselves.
  [[nodiscard]] virtual std::vector<std::string> inputs() const = 0;

  /// All that the result depends on besides the inputs. With the name, the version and the inputs'
  /// fingerprints it makes the stage's fingerprint. Values that hold a secret go in as a digest.
  [[nodiscard]] virtual nlohmann::json parameters() const = 0;

  /// Whether what `record` names still exists, unchanged. Cheap: it runs in every build.
  [[nodiscard]] virtual bool still_valid(const Record& record, const oci::Store& store) const = 0;

  /// Makes the result and returns its record, or throws base::Error and leaves nothing at a final
  /// name. May be called again after a failure. Looks at context.stop at least once a second.
  [[nodiscard]] virtual Record run(const StageContext& context, const Inputs& inputs,
                                   const oci::Digest& fingerprint) const = 0;
};

/// Throws base::Error kInterrupted when a stop was asked for.
void check_stop(const std::stop_token& stop);

}  // namespace stages
