// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "orchestrator/event.hpp"

namespace orchestrator {

enum class ProgressMode {
  kTty,    ///< The tree of stages, drawn again and again; lines scroll above it.
  kPlain,  ///< One line per fact, no control characters.
  kJson,   ///< One JSON object per event and line.
};

/// What `--progress auto` means: kTty when standard error is a terminal (TERM not "dumb").
ProgressMode automatic_progress_mode();

/// Whether to use colours: a terminal, and NO_COLOR unset or empty (no-color.org).
bool colours_wanted();

/// The line for an event that is not progress: "demo pull          done in 1.5 s".
std::string line_of(const Event& event);

/// Shows events on `out`. Thread-safe.
std::unique_ptr<EventSink> make_display(ProgressMode mode, std::ostream& out, bool colours);

}  // namespace orchestrator
