// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <memory>

#include "orchestrator/event.hpp"

namespace orchestrator {

/// Draws the tree of stages on a terminal, at the end of what `out` shows, several times a second;
/// facts and warnings scroll by above it. The tree of a build stays when this dies.
std::unique_ptr<EventSink> make_live_display(std::ostream& out, bool colours);

}  // namespace orchestrator
