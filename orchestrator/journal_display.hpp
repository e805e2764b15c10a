// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "orchestrator/event.hpp"

namespace orchestrator {

/// Sends events to the journal, each with the fields MESSAGE, PRIORITY, OSARTIFACT_NAME,
/// OSARTIFACT_STAGE and OSARTIFACT_EVENT; of progress nothing. Null when standard error is not the
/// journal's (`stream`: $JOURNAL_STREAM) or nobody listens at `socket`.
/// Source: systemd, "Native Journal Protocol"; systemd.exec(5), $JOURNAL_STREAM.
std::unique_ptr<EventSink> make_journal_display(
    const std::string& stream, const std::string& socket = "/run/systemd/journal/socket");

}  // namespace orchestrator
