// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/proxy.hpp"
#include "orchestrator/event.hpp"

namespace orchestrator {

/// Passes events on to `next` and tells systemd of them where it asks to be told ($NOTIFY_SOCKET):
/// READY=1 with the first stage, STATUS= with what is being done, WATCHDOG=1 twice in the time it
/// gives, STOPPING=1 at the end. Elsewhere it is `next` itself. Source: sd_notify(3).
std::unique_ptr<EventSink> tell_service_manager(std::unique_ptr<EventSink> next,
                                                const base::Environment& environment);

}  // namespace orchestrator
