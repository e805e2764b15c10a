// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/manifest/resource.hpp"

// NodeOp and NodeOpUpgrade, operator.kairos.io/v1alpha1. Names and meanings are those of the CRDs;
// a text that is not given is empty.

namespace orchestrator::manifest {

/// A check of the node before anything happens to it: what it writes to /dev/termination-log is the
/// reason to leave the node alone.
struct Preflight {
  std::vector<std::string> command;
  std::string image;  ///< Empty: the operation's.
  int active_deadline_seconds = 120;
};

struct DrainOptions {
  bool enabled = false;
  bool force = false;                       ///< Evict pods of no controller too.
  std::optional<int> grace_period_seconds;  ///< None, or negative: the pod's own.
  bool ignore_daemon_sets = true;
  bool delete_empty_dir_data = false;
  std::optional<int> timeout_seconds;
};

/// A command to run once on every node that is meant.
struct NodeOp : Resource {
  std::vector<std::string> command;
  std::string host_mount_path = "/host";
  std::string image;
  std::vector<std::string> image_pull_secrets;
  nlohmann::json node_selector;           ///< A LabelSelector, or null: every node.
  std::vector<std::string> target_nodes;  ///< Names; empty: every node. Ours, not the operator's.
  bool cordon = false;
  bool uncordon_on_failure = false;
  DrainOptions drain;
  bool reboot_on_success = false;
  int backoff_limit = 6;  ///< Retries; the default is Kubernetes'.
  int concurrency = 0;    ///< Nodes at a time; 0: all.
  bool stop_on_failure = false;
  std::optional<Preflight> preflight;
};

/// An upgrade of the nodes to the system in an image.
struct NodeOpUpgrade : Resource {
  std::string image;
  std::vector<std::string> image_pull_secrets;
  nlohmann::json node_selector;           ///< As of NodeOp.
  std::vector<std::string> target_nodes;  ///< As of NodeOp.
  int concurrency = 0;
  bool stop_on_failure = false;
  bool uncordon_on_failure = false;
  bool upgrade_active = true;
  bool upgrade_recovery = false;
  bool force = false;  ///< Even where the node is at that version.
  bool debug = false;
  std::vector<std::string> exclude_paths;  ///< Of the host, kept as they are.
};

/// The typed form of a document that was checked; fields of a wrong type are left at their default.
NodeOp decode_node_op(Node document);
NodeOpUpgrade decode_node_op_upgrade(Node document);

}  // namespace orchestrator::manifest
