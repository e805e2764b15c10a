// SPDX-License-Identifier: Apache-2.0
#include "stages/squashfs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "stages/left_out.hpp"
#include "stages/partial_file.hpp"
#include "stages/progress.hpp"

namespace stages {
namespace {

constexpr unsigned kLeastMemoryMib = 16;
constexpr unsigned kProcessorMib = 10;

base::Command command_for(const std::filesystem::path& root, const std::filesystem::path& output,
                          const SquashfsOptions& options) {
  base::Command command{.program = base::require_program("mksquashfs", "squashfs-tools").string(),
                        .arguments = {root.string(), output.string()},
                        .environment = {fmt::format("SOURCE_DATE_EPOCH={}", options.epoch)},
                        .working_directory = {},
                        .input = {}};
  auto& arguments = command.arguments;
  // No recovery file in the home folder; no append to what is there.
  for (const char* flag : {"-noappend", "-no-recovery", "-progress", "-xattrs", "-comp", "zstd"}) {
    arguments.emplace_back(flag);
  }
  arguments.insert(arguments.end(),
                   {"-Xcompression-level", std::to_string(options.compression_level), "-b", "1M",
                    "-mem", fmt::format("{}M", options.memory_mib)});
  if (std::thread::hardware_concurrency() > options.processors) {
    arguments.insert(arguments.end(), {"-processors", std::to_string(options.processors)});
  }
  // Patterns are anchored at the root unless they begin with "...". A leading dot wants its own.
  arguments.insert(arguments.end(), {"-wildcards", "-e"});
  for (const auto folder : kLeftOutFolders) {
    arguments.push_back(fmt::format("{}/*", folder));
    arguments.push_back(fmt::format("{}/.*", folder));
  }
  return command;
}

}  // namespace

SquashfsOptions squashfs_options_within(std::uint64_t bytes) {
  SquashfsOptions options;
  if (bytes == 0) return options;
  const auto quarter = static_cast<unsigned>(std::min<std::uint64_t>(bytes >> 22U, 1U << 20U));
  options.memory_mib = std::clamp(quarter, kLeastMemoryMib, options.memory_mib);
  options.processors = std::clamp(quarter / kProcessorMib, 1U, options.processors);
  return options;
}

void make_squashfs(base::ProcessRunner& runner, const std::filesystem::path& root,
                   const std::filesystem::path& output, const SquashfsOptions& options,
                   const ProgressSink& progress, std::stop_token stop) {
  PartialFile partial(output);
  const auto on_line = [&](std::string_view line) {
    const auto fraction = progress_in(line);
    if (fraction && progress) progress(*fraction);
  };
  base::run_or_throw(runner, command_for(root, partial.path(), options),
                     base::ErrorCode::kArtifactTool, on_line, std::move(stop));
  partial.commit();
  if (progress) progress(1);  // A run shorter than mksquashfs's timer says nothing itself.
}

}  // namespace stages
