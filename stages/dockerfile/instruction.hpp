// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace stages::dockerfile {

/// `--name` or `--name=value` before an instruction's arguments, not expanded.
struct Flag {
  std::string name;                  ///< Without the dashes.
  std::optional<std::string> value;  ///< None: the bare flag.
};

/// A here-document of RUN, COPY or ADD.
struct Heredoc {
  std::string name;     ///< "EOF".
  std::string content;  ///< With the last newline; leading tabs gone for `<<-`.
  bool expand = true;   ///< false: its delimiter was quoted.
  int line = 0;         ///< Of its first line.
};

/// NAME=VALUE of ENV or LABEL, NAME or NAME=VALUE of ARG: quotes and escapes kept, not expanded.
struct Assignment {
  std::string name;
  std::optional<std::string> value;  ///< None: ARG without a default.
};

/// One instruction of a Dockerfile, as written: nothing is expanded yet.
struct Instruction {
  std::string file;      ///< Of the Dockerfile, for messages.
  std::string keyword;   ///< Upper case: "RUN". What ONBUILD has is an instruction when triggered.
  int line = 0;          ///< First line, from 1.
  int last_line = 0;     ///< Last line, heredocs included.
  std::string original;  ///< Source with continuations joined, for messages and history.
  std::vector<Flag> flags;
  /// All after the flags, continuations joined, comment lines gone. ONBUILD: the trigger as an
  /// image's config keeps it, with its heredocs.
  std::string text;
  bool exec_form = false;          ///< `text` is a JSON list of strings...
  std::vector<std::string> words;  ///< ...these; else split at blanks, quotes and escapes kept.
  std::vector<Assignment> assignments;  ///< Of ENV (also `ENV name the rest`), LABEL and ARG.
  std::vector<Heredoc> heredocs;

  [[nodiscard]] const Flag* flag(std::string_view name) const;
  /// The flag's value, or "" where it is not given.
  [[nodiscard]] std::string value(std::string_view name) const;
  /// A switch such as --link: given, and not as `--link=false`.
  [[nodiscard]] bool has(std::string_view name) const;
};

/// A whole Dockerfile.
struct Dockerfile {
  std::string name;  ///< For messages.
  std::string text;
  char escape = '\\';                 ///< Of the `# escape=` directive.
  std::optional<std::string> syntax;  ///< Of `# syntax=`: noted, never fetched.
  std::optional<std::string> check;   ///< Of `# check=`.
  std::vector<Instruction> instructions;
  /// What BuildKit's build checks say, with their lines:
  /// "StageNameCasing: Stage name 'Base' should be lowercase (Dockerfile:3)".
  std::vector<std::string> warnings;
};

/// Parses a Dockerfile. Throws base::Error kManifest with the line, the source and what was
/// expected: unknown instructions ("did you mean"), no FROM, broken heredocs, flags it does not
/// know, arguments that no variable could make right; and for build checks that
/// `# check=error=true` makes errors. Source: BuildKit, frontend/dockerfile/docs/reference.md.
Dockerfile parse_dockerfile(std::string_view text, std::string name);

/// One instruction alone, as a trigger of ONBUILD is kept in an image's config. Throws likewise.
Instruction parse_instruction(std::string_view text, char escape, const std::string& name);

/// An error kManifest at an instruction: "Dockerfile:3: PROBLEM", with its source as the reason.
/// Passwords in URLs are masked.
base::Error instruction_error(const Instruction& instruction, std::string_view problem,
                              std::string hint = {});

}  // namespace stages::dockerfile
