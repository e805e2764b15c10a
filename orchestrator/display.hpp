// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "orchestrator/event.hpp"

namespace orchestrator {

enum class ProgressMode {
  kTty,    ///< Bars that redraw, with bytes, rate and time left; lines scroll above them.
  kPlain,  ///< One line per fact, no control characters.
  kJson,   ///< One JSON object per event and line.
};

/// What `--progress auto` means: kTty when standard error is a terminal (TERM not "dumb").
ProgressMode automatic_progress_mode();

/// Whether to use colours: a terminal, and NO_COLOR unset or empty (no-color.org).
bool colours_wanted();

/// The line for an event that is not progress: "demo pull          done in 1.5 s".
std::string line_of(const Event& event);

/// Shows events on `out`. Thread-safe; the last bar is cleared when it dies.
std::unique_ptr<EventSink> make_display(ProgressMode mode, std::ostream& out, bool colours);

/// "12.0 MiB of 80.1 MiB, 4.2 MiB/s, 16.0 s left": what a bar says. `rate` in bytes per second.
std::string describe_transfer(std::uint64_t done, std::uint64_t total, double rate);

}  // namespace orchestrator
