// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/program_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "base/process.hpp"

namespace orchestrator {
namespace {

struct StageProgram {
  std::string_view stage;
  const char* program;
  const char* package;
};

/// What a stage cannot do without, whatever the image is.
constexpr StageProgram kPrograms[] = {
    {"squashfs", "mksquashfs", "squashfs-tools"},
    {"iso", "xorriso", "xorriso"},
    {"iso", "mformat", "mtools"},
    {"uki-iso", "xorriso", "xorriso"},
    {"uki-iso", "mformat", "mtools"},
    {"raw-disk", "sfdisk", "fdisk"},
};

}  // namespace

void check_programs(const Plan& plan, const std::vector<StageState>& states,
                    const ProgramIsThere& is_there) {
  std::set<std::string> missing;
  std::set<std::string> packages;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i] != StageState::kRun) continue;
    const auto stage = plan.stages[i].stage->name();
    for (const auto& row : kPrograms) {
      if (row.stage != stage || is_there(row.program)) continue;
      missing.insert(row.program);
      packages.insert(row.package);
    }
  }
  if (missing.empty()) return;
  throw base::Error(
      {.code = base::ErrorCode::kArtifactTool,
       .what = fmt::format("{} {} needed and not on PATH", fmt::join(missing, ", "),
                           missing.size() == 1 ? "is" : "are"),
       .why = "",
       .hint = fmt::format("apt-get install {}; nothing was fetched", fmt::join(packages, " "))});
}

void check_programs(const Plan& plan, const std::vector<StageState>& states) {
  check_programs(plan, states,
                 [](const std::string& name) { return base::find_program(name).has_value(); });
}

}  // namespace orchestrator
