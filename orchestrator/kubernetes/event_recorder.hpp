// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "orchestrator/kubernetes/client.hpp"

namespace orchestrator::kubernetes {

/// What somebody who describes an object should read.
struct EventNote {
  std::string type = "Normal";  ///< Or "Warning".
  std::string reason;           ///< CamelCase, for machines: "BuildStarted".
  std::string action;           ///< What was being done: "Build".
  std::string note;             ///< For people; cut at 1 KiB.
};

/// Writes Events (events.k8s.io/v1) about objects. The same of the same object is not written
/// again for ten minutes. Thread-safe.
class EventRecorder {
 public:
  /// `component`: who reports, "osartifact-operator".
  EventRecorder(Client& client, std::string component, std::string instance,
                std::shared_ptr<spdlog::logger> log);

  /// A failure is logged, never thrown: an Event is worth no work undone.
  void record(const Object& regarding, const EventNote& event);

 private:
  bool is_repeated(const std::string& key);

  Client& client_;
  std::string component_;
  std::string instance_;
  std::shared_ptr<spdlog::logger> log_;
  std::mutex mutex_;
  std::map<std::string, std::chrono::steady_clock::time_point> recorded_;
};

}  // namespace orchestrator::kubernetes
