// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/kubernetes/artifact_objects.hpp"
#include "orchestrator/kubernetes/client.hpp"
#include "orchestrator/kubernetes/event_recorder.hpp"
#include "orchestrator/kubernetes/informer.hpp"
#include "orchestrator/kubernetes/node_op_objects.hpp"
#include "orchestrator/kubernetes/work_queue.hpp"

namespace orchestrator::kubernetes {

/// What every controller works with; outlives it.
struct ControllerContext {
  Client& client;
  EventRecorder& events;
  std::shared_ptr<spdlog::logger> log;
  std::string space;       ///< The only namespace to look at; empty: all.
  BuilderOptions builder;  ///< The image is also that of every pod of ours.
  NodeOpSettings node_ops = {};
  unsigned workers = 4;  ///< Objects at a time.
};

/// Brings the world to what the objects of one kind say, one object at a time. Whatever changes,
/// the object's name comes into the queue; reconcile() looks at the whole and does what is missing,
/// so that it may be called at any time, also after a kill at any point.
class Controller {
 public:
  explicit Controller(ControllerContext& context) : context_(context) {}
  virtual ~Controller() = default;
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  Controller(Controller&&) = delete;
  Controller& operator=(Controller&&) = delete;

  /// For logs and metrics: "osartifact".
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Does what is missing for the object. Gives when to look again even if nothing changes. May
  /// throw base::Error: it is called again, later each time. Called on several threads, never for
  /// one object at a time.
  virtual std::optional<std::chrono::milliseconds> reconcile(const ObjectName& name) = 0;

  /// Works until `stop`.
  void run(const std::stop_token& stop);
  [[nodiscard]] bool is_synced() const;

 protected:
  /// Only in the constructor. Lives as long as this.
  Informer& add_informer(const ResourceKind& kind, Informer::Options options);
  [[nodiscard]] ControllerContext& context() const { return context_; }
  [[nodiscard]] WorkQueue& queue() { return queue_; }
  /// A selection in the namespace that is looked at.
  [[nodiscard]] Selection everything(std::string label_selector = "") const;

 private:
  void work(const std::stop_token& stop);
  void handle(const ObjectName& object);

  ControllerContext& context_;
  WorkQueue queue_;
  std::vector<std::unique_ptr<Informer>> informers_;
};

}  // namespace orchestrator::kubernetes
