// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "orchestrator/manifest/documents.hpp"
#include "orchestrator/node/run_record.hpp"
#include "orchestrator/session.hpp"

namespace orchestrator::node {

/// How an operation is done on this node.
struct NodeRunOptions {
  std::filesystem::path host_root = "/";  ///< What the container sees at hostMountPath.
  std::string node_name;                  ///< For targetNodes; empty: the host name.
  std::string reboot_command;             ///< A program; empty: reboot, where host_root is /.
  bool reboot = true;                     ///< false: say that it is due, and leave it.
  bool again = false;                     ///< Even if it was done before.
};

/// Does a NodeOp on this node as a Job of the operator would, without a cluster: the preflight, the
/// command in a container that sees the node's root, and the reboot last, if all went well. What
/// only a cluster has (cordon, drain, concurrency, other nodes) is left out. The record in the
/// store is true at any moment. `file` is the manifest's name. Throws base::Error: kBuildStep when
/// the preflight or the command fails.
RunRecord run_on_this_node(Session& session, const manifest::Documents& documents,
                           const std::string& file, const manifest::NodeOp& op,
                           const NodeRunOptions& options);

}  // namespace orchestrator::node
