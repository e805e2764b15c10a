// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "orchestrator/manifest/node_op.hpp"

namespace orchestrator::node {

/// What was done on this node for one NodeOp or NodeOpUpgrade; a file of the store. The words are
/// those of a NodeOp's status.
struct RunRecord {
  std::string kind;
  std::string name;
  std::string namespace_;
  std::string spec_digest;  ///< Of the spec as it was.
  nlohmann::json command;
  nlohmann::json containers = nlohmann::json::array();  ///< [{"name", "image", "digest"}].
  std::string phase = "Running";                        ///< "Running", "Completed" or "Failed".
  std::string message;
  std::string reboot_status;  ///< "not-requested", "pending", "completed" or "cancelled".
  std::string boot_id;        ///< Of the boot it was done in.
  std::string started;        ///< RFC 3339, UTC. So is `finished`, empty until then.
  std::string finished;
  bool skipped = false;  ///< The preflight said to leave the node alone.

  /// Done, the same spec, with the same images.
  [[nodiscard]] bool is_done(const RunRecord& again) const;
};

/// STORE/node/KIND.NAMESPACE.NAME.json.
std::filesystem::path record_file(const std::filesystem::path& store,
                                  const manifest::Resource& resource);

/// nullopt when there is none, or one that cannot be understood.
std::optional<RunRecord> read_record(const std::filesystem::path& file);

/// Readable by root alone: a command may say more than everybody should know. Throws base::Error.
void write_record(const std::filesystem::path& file, const RunRecord& record);

nlohmann::json to_json(const RunRecord& record);

/// Tells the boots of this machine apart. Source: proc(5), /proc/sys/kernel/random/boot_id.
std::string current_boot_id();

}  // namespace orchestrator::node
