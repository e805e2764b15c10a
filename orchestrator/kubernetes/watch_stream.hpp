// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>

#include "orchestrator/kubernetes/client.hpp"

namespace orchestrator::kubernetes {

/// Cuts the body of a watch, which comes in pieces of any size, into its events: one JSON object a
/// line. Source: kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of
/// changes".
class WatchStream {
 public:
  explicit WatchStream(std::function<void(WatchEvent)> on_event) : on_event_(std::move(on_event)) {}

  /// Throws ApiError for an ERROR event, base::Error kRegistry for what is no event.
  void take(std::span<const std::byte> data);

 private:
  void take_line(std::string_view line);

  std::function<void(WatchEvent)> on_event_;
  std::string rest_;  ///< The begin of a line.
};

}  // namespace orchestrator::kubernetes
