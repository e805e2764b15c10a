// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "base/format.hpp"
#include "orchestrator/commands/commands.hpp"

namespace orchestrator {

int run_store_df(Session& session, const Invocation& /*invocation*/) {
  const auto usage = session.store().usage();
  session.environment().out << fmt::format(
      "{:<10} {:>12}\n{:<10} {:>12}\n{:<10} {:>12}\n{:<10} {:>12}\n", "blobs",
      base::format_bytes(usage.blobs), "snapshots", base::format_bytes(usage.snapshots), "results",
      base::format_bytes(usage.results), "partial", base::format_bytes(usage.partial));
  return 0;
}

int run_store_prune(Session& session, const Invocation& invocation) {
  const auto pruned = session.store().prune(invocation.all);
  session.environment().out << fmt::format("freed {} ({} items)\n",
                                           base::format_bytes(pruned.bytes), pruned.items);
  return 0;
}

int run_store_verify(Session& session, const Invocation& /*invocation*/) {
  const auto broken = session.store().verify(session.stop());
  for (const auto& digest : broken) {
    session.environment().out << fmt::format("removed {}: its bytes were not its digest's\n",
                                             digest.text());
  }
  if (broken.empty()) {
    session.environment().out << "every blob is what its name says\n";
    return 0;
  }
  throw base::Error({.code = base::ErrorCode::kIntegrity,
                     .what = fmt::format("{} blobs of the store were damaged", broken.size()),
                     .why = "",
                     .hint = "they were removed; the next pull or build fetches them again"});
}

}  // namespace orchestrator
