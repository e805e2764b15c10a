// SPDX-License-Identifier: Apache-2.0
#include "stages/squashfs.hpp"

#include <fmt/format.h>

#include <array>
#include <thread>

#include "stages/left_out.hpp"
#include "stages/partial_file.hpp"
#include "stages/progress.hpp"

namespace stages {
namespace {

/// Each takes 10 MB: with 32 of them mksquashfs took 459 MB in all, with 8 272 MB, with 2 161 MB.
constexpr unsigned kMaxProcessors = 32;

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
  const auto processors = options.processors != 0 ? options.processors : kMaxProcessors;
  if (options.processors != 0 || std::thread::hardware_concurrency() > processors) {
    arguments.insert(arguments.end(), {"-processors", std::to_string(processors)});
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
