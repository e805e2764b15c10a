// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ostream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "orchestrator/build_plan.hpp"
#include "orchestrator/commands/commands.hpp"
#include "orchestrator/node/node_run.hpp"
#include "orchestrator/node/upgrade.hpp"

namespace orchestrator {
namespace {

constexpr int kJsonIndent = 2;

/// The one operation of the file that is meant: the one named, or the only one.
manifest::NodeOp choose(const manifest::Documents& documents, const std::string& file,
                        const std::string& name) {
  std::vector<manifest::NodeOp> found;
  std::vector<std::string> names;
  const auto take = [&](manifest::NodeOp op) {
    names.push_back(op.name);
    if (name.empty() || name == op.name) found.push_back(std::move(op));
  };
  for (const auto& op : documents.node_ops) take(op);
  for (const auto& upgrade : documents.node_op_upgrades) take(node::node_op_for(upgrade));
  if (found.size() == 1) return std::move(found.front());
  if (names.empty()) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("there is no NodeOp or NodeOpUpgrade in {}", file),
                       .why = "",
                       .hint = documents.artifacts.empty()
                                   ? ""
                                   : "osartifact build makes what an OSArtifact asks for"});
  }
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = found.empty()
                                 ? fmt::format("there is no operation '{}' in {}", name, file)
                                 : fmt::format("{} has {} operations, and one is done at a time",
                                               file, found.size()),
                     .why = fmt::format("it has {}", fmt::join(names, ", ")),
                     .hint = fmt::format("name one: osartifact run {} {}", file, names.front())});
}

}  // namespace

int run_run(Session& session, const Invocation& invocation) {
  const auto file = invocation.subject == "-" ? "(standard input)" : invocation.subject;
  const auto documents = read_manifest_file(session, invocation.subject).documents;
  const auto op = choose(documents, file, invocation.destination);
  const auto& flags = invocation.run;
  const auto record = node::run_on_this_node(session, documents, file, op,
                                             {.host_root = flags.host_root,
                                              .node_name = flags.node_name,
                                              .reboot_command = flags.reboot_command,
                                              .reboot = !flags.no_reboot,
                                              .again = flags.again});
  if (const auto& report = session.options().report; !report.empty()) {
    base::write_file_atomically(report, to_json(record).dump(kJsonIndent) + "\n");
  }
  session.environment().out << fmt::format("{} {}: {}: {}\n", op.kind, op.name, record.phase,
                                           record.message);
  return 0;
}

}  // namespace orchestrator
