// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/logger.h>

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "base/proxy.hpp"
#include "orchestrator/kubernetes/artifact_objects.hpp"

namespace orchestrator::kubernetes {

/// The flags of `osartifact operator`.
struct OperatorOptions {
  std::filesystem::path kubeconfig;  ///< Empty: as find_cluster() looks for one.
  std::string space;                 ///< The only namespace to look at; empty: all.
  BuilderOptions builder;
  bool leader_elect = false;
  std::string lease_space;                ///< Empty: our own namespace.
  std::string metrics_address = ":8080";  ///< "0": none.
  std::string probe_address = ":8081";    ///< "0": none.
  unsigned workers = 4;
};

/// Runs every controller of the table until `stop`. Throws base::Error when the cluster cannot be
/// found, and when the lease is lost: the pod is to start again.
void run_operator(const OperatorOptions& options, const base::Environment& environment,
                  std::shared_ptr<spdlog::logger> log, const std::stop_token& stop);

}  // namespace orchestrator::kubernetes
