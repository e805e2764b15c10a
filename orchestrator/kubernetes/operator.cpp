// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/operator.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <optional>
#include <thread>
#include <vector>

#include "orchestrator/kubernetes/artifact_controller.hpp"
#include "orchestrator/kubernetes/leader_election.hpp"
#include "orchestrator/kubernetes/node_op_controller.hpp"
#include "orchestrator/kubernetes/probe_server.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr const char* kComponent = "osartifact-operator";
constexpr const char* kLease = "osartifact-operator";
constexpr std::chrono::seconds kLeaseStallTimeout{5};

struct ControllerRow {
  std::string_view kind;
  std::unique_ptr<Controller> (*make)(ControllerContext& context);
  bool whole_cluster;  ///< It works on nodes: not where a single namespace is looked at.
};

/// A new controller is one line here.
constexpr ControllerRow kControllers[] = {
    {"OSArtifact", &make_artifact_controller, false},
    {"NodeOp", &make_node_op_controller, true},
    {"NodeOpUpgrade", &make_node_op_upgrade_controller, true},
};

/// The pod's name, which is its host's; unique even where two run on one.
std::string identity_of(const base::Environment& environment) {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  const auto pod = base::value_of(environment, "POD_NAME");
  return fmt::format("{}_{}", pod.empty() ? host : pod, ::getpid());
}

NodeOpSettings node_op_settings(const OperatorOptions& options,
                                const base::Environment& environment) {
  NodeOpSettings settings;
  settings.operator_image = options.builder.image;
  settings.operator_pod = {.space = base::value_of(environment, "POD_NAMESPACE"),
                           .name = base::value_of(environment, "POD_NAME")};
  if (auto image = base::value_of(environment, "NODEOP_DEFAULT_IMAGE"); !image.empty()) {
    settings.default_image = std::move(image);
  }
  return settings;
}

/// Runs all of them; the first that throws stops the others.
void run_controllers(const std::vector<std::unique_ptr<Controller>>& controllers,
                     const std::stop_token& stop) {
  std::stop_source ended;
  const std::stop_callback pass_on(stop, [&ended] { ended.request_stop(); });
  std::vector<std::exception_ptr> thrown(controllers.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < controllers.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          controllers[i]->run(ended.get_token());
        } catch (...) {
          thrown[i] = std::current_exception();
          ended.request_stop();
        }
      });
    }
  }
  for (const auto& error : thrown) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace

void run_operator(const OperatorOptions& options, const base::Environment& environment,
                  std::shared_ptr<spdlog::logger> log, const std::stop_token& stop) {
  const auto config = find_cluster(environment, options.kubeconfig);
  const auto metrics = std::make_shared<Metrics>();
  Client client(config, {.stop = stop, .metrics = metrics});
  // Gives the lease back after `stop`, and must not hang longer than a lease lives.
  Client lease_client(config, {.metrics = metrics, .stall_timeout = kLeaseStallTimeout});
  const auto identity = identity_of(environment);
  EventRecorder events(client, kComponent, identity, log);
  ControllerContext context{.client = client,
                            .events = events,
                            .log = log,
                            .space = options.space,
                            .builder = options.builder,
                            .node_ops = node_op_settings(options, environment),
                            .workers = options.workers};
  std::vector<std::unique_ptr<Controller>> controllers;
  for (const auto& row : kControllers) {
    if (row.whole_cluster && !options.space.empty()) {
      log->info("{} is left out: only the namespace {} is looked at", row.kind, options.space);
      continue;
    }
    controllers.push_back(row.make(context));
  }

  std::atomic<bool> working = false;
  const auto ready = [&] {
    // A replica that waits for the lease is ready to take over.
    const bool synced = !working || std::all_of(controllers.begin(), controllers.end(),
                                                [](const auto& one) { return one->is_synced(); });
    return ProbeAnswer{.ok = synced, .text = synced ? "ok\n" : "the caches are not filled yet\n"};
  };
  const auto lead = [&](const std::stop_token& must_stop) {
    working = true;
    metrics->set("osartifact_leader", 1);
    run_controllers(controllers, must_stop);
    metrics->set("osartifact_leader", 0);
  };
  const auto show_metrics = [&] {
    return ProbeAnswer{.text = metrics->text(), .content_type = "text/plain; version=0.0.4"};
  };
  std::optional<ProbeServer> probes;
  std::optional<ProbeServer> metrics_server;
  if (options.probe_address != "0") {
    probes.emplace(options.probe_address,
                   ProbeServer::Pages{{"/healthz", [] { return ProbeAnswer{.text = "ok\n"}; }},
                                      {"/readyz", ready}});
  }
  if (options.metrics_address != "0") {
    metrics_server.emplace(options.metrics_address, ProbeServer::Pages{{"/metrics", show_metrics}});
  }
  log->info("talking to {} as {}", base::redacted(config.server), identity);
  if (!options.leader_elect) return lead(stop);
  const auto space = options.lease_space.empty() ? config.space : options.lease_space;
  LeaderElection(lease_client, {.lease = {.space = space, .name = kLease}, .identity = identity},
                 log)
      .run(lead, stop);
}

}  // namespace orchestrator::kubernetes
