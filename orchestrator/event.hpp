// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace orchestrator {

/// What can happen in a build, in the words of the log.
enum class EventKind {
  kPlanned,   ///< A stage will run, or its result is there; comes before all else of it.
  kStarted,   ///< A stage begins.
  kProgress,  ///< It has done `done` of `total` bytes.
  kFact,      ///< It says something worth a line.
  kWarning,
  kFinished,  ///< It made its result; `elapsed` is set.
  kCached,    ///< Its result was there: nothing was done.
  kFailed,    ///< It failed; the error follows at the end.
};

/// The name in JSON lines: "stage-planned", "stage-started", "progress", ...
const char* name_of(EventKind kind);

struct Event {
  EventKind kind = EventKind::kFact;
  std::string artifact;  ///< The OSArtifact's name; empty for what concerns no stage.
  std::string stage;     ///< "pull", "iso", ...; empty for what concerns no stage.
  std::string text;
  std::uint64_t done = 0;   ///< Bytes.
  std::uint64_t total = 0;  ///< Bytes; 0 when not known.
  std::chrono::milliseconds elapsed{0};
  /// Of kPlanned: the stage of the same artifact whose result it waits for last; may be empty.
  std::string after = {};
};

/// Takes events from any thread, in order per stage. Never throws.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void take(const Event& event) = 0;
};

}  // namespace orchestrator
