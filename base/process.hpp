// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/confinement.hpp"
#include "base/error.hpp"

namespace base {

/// A program to run: never through a shell, so that no value of a manifest is ever code.
struct Command {
  std::string program;                 ///< A path, or a name looked up on our own PATH.
  std::vector<std::string> arguments;  ///< Without the program's name.
  /// "NAME=VALUE", added to a small fixed environment (PATH, LANG, TMPDIR, SOURCE_DATE_EPOCH).
  /// Nothing else of ours reaches the child.
  std::vector<std::string> environment;
  std::filesystem::path working_directory;  ///< Empty: ours.
  std::string input;                        ///< Given on standard input; at most a few MiB.
  std::optional<Confinement> confinement = std::nullopt;  ///< None: runs as we do.
};

struct ProcessResult {
  int exit_status = 0;            ///< As exit() gave it; 128 + signal when a signal ended it.
  int signal = 0;                 ///< The signal that ended it, or 0.
  std::string standard_output;    ///< Whole, at most kMaxCapturedBytes; the rest is dropped.
  std::vector<std::string> tail;  ///< The last lines of both outputs, at most kTailLines.
};

inline constexpr std::size_t kMaxCapturedBytes = 8U << 20;
inline constexpr std::size_t kTailLines = 20;

/// Called with each line of both outputs, without its end, from the thread that called run().
using LineSink = std::function<void(std::string_view line)>;

/// The only way to start a program. Thread-safe.
class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;

  /// Runs to the end, in a process group of its own that dies with us. On `stop`: SIGTERM to the
  /// group, SIGKILL five seconds later, then Error kInterrupted. Any exit status is a result.
  /// Throws Error kArtifactTool when the program cannot be started.
  virtual ProcessResult run(const Command& command, const LineSink& on_line,
                            std::stop_token stop) = 0;
};

/// Runs real programs.
class SystemProcessRunner final : public ProcessRunner {
 public:
  ProcessResult run(const Command& command, const LineSink& on_line, std::stop_token stop) override;
};

/// As run(), but an exit status other than 0 throws Error `code` with the last lines as the reason.
ProcessResult run_or_throw(ProcessRunner& runner, const Command& command, ErrorCode code,
                           const LineSink& on_line, std::stop_token stop);

/// The full path of an executable on PATH (or `name` itself when it holds a slash).
std::optional<std::filesystem::path> find_program(const std::string& name);

/// As find_program, but throws Error kArtifactTool naming the Debian package that has it.
std::filesystem::path require_program(const std::string& name, std::string_view debian_package);

}  // namespace base
