// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/instruction.hpp"

/// What the arguments of an instruction mean. All take it expanded (expansion.hpp), check it, and
/// throw base::Error kManifest with its line.
namespace stages::dockerfile {

/// `FROM [--platform=P] image [AS name]`.
struct FromArguments {
  std::string image;     ///< A reference, "scratch" or an earlier stage's name; empty after an
                         ///< expansion to nothing: an error, which the caller words.
  std::string stage;     ///< Lower case; empty: it has none.
  std::string platform;  ///< Empty: none given.
};
FromArguments from_arguments(const Instruction& instruction);

/// One source of ADD or COPY.
struct CopySource {
  enum class Kind {
    kPath,     ///< A pattern in the context, a stage or an image.
    kHeredoc,  ///< `text` is the file's name.
    kUrl,      ///< ADD: http or https.
    kGit,      ///< ADD: a git repository.
  };
  Kind kind = Kind::kPath;
  std::string text;
  std::string content;  ///< kHeredoc.
};

/// ADD and COPY.
struct CopyArguments {
  std::vector<CopySource> sources;
  std::string destination;
  std::string from;  ///< A stage's name or number, or an image; empty: the context.
  std::string chown;
  std::string chmod;
  std::string checksum;
  std::vector<std::string> exclude;
  bool link = false;
  bool parents = false;
  std::optional<bool> keep_git_dir;
  std::optional<bool> unpack;  ///< None: local archives of ADD are unpacked, those of URLs not.
};
CopyArguments copy_arguments(const Instruction& instruction);

/// What RUN runs.
struct RunArguments {
  std::vector<std::string> command;  ///< The exec form; else empty.
  std::string script;                ///< The shell form: for the shell, heredocs included.
  /// `RUN <<EOF` with a first line `#!...`: this is to be run as a file of that name (mode 0755, in
  /// /dev/pipes), by itself; then `script` is empty.
  std::optional<Heredoc> program;
};
RunArguments run_arguments(const Instruction& instruction);

/// `RUN --mount=...`.
struct RunMount {
  enum class Kind { kBind, kCache, kTmpfs, kSecret, kSsh };
  enum class Sharing { kShared, kPrivate, kLocked };
  Kind kind = Kind::kBind;
  std::string from;    ///< kBind, kCache: a stage or image; empty: the context, an empty folder.
  std::string source;  ///< kBind, kCache: a path in it.
  std::string target;  ///< Not made absolute; empty for a secret that is but a variable, and for
                       ///< kSsh where none is given.
  std::string id;      ///< kCache (else its target), kSecret; kSsh: "default" unless given.
  bool read_only = false;
  bool required = false;
  Sharing sharing = Sharing::kShared;
  std::uint64_t bytes = 0;  ///< kTmpfs: its limit; 0: none given.
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> user;
  std::optional<std::uint32_t> group;
  std::optional<std::string> env;  ///< kSecret: the variable it is put into.
};

enum class RunNetwork { kDefault, kNone, kHost };

/// The flags of RUN.
struct RunOptions {
  std::vector<RunMount> mounts;
  RunNetwork network = RunNetwork::kDefault;
  bool insecure = false;  ///< --security=insecure
};
RunOptions run_options(const Instruction& instruction);

/// HEALTHCHECK as an image's config has it.
struct Healthcheck {
  std::vector<std::string> test;        ///< {"NONE"}, {"CMD", ...} or {"CMD-SHELL", text}.
  std::chrono::nanoseconds interval{};  ///< 0: the default.
  std::chrono::nanoseconds timeout{};
  std::chrono::nanoseconds start_period{};
  std::chrono::nanoseconds start_interval{};
  int retries = 0;
};
Healthcheck healthcheck_arguments(const Instruction& instruction);

/// EXPOSE: "80/tcp" each, ranges spread out, in order.
std::vector<std::string> exposed_ports(const Instruction& instruction);

/// STOPSIGNAL: a number or a signal's name, as it is written.
std::string stop_signal(const Instruction& instruction);

}  // namespace stages::dockerfile
