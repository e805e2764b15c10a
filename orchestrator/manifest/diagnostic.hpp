// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/node.hpp"

namespace orchestrator::manifest {

enum class Severity { kError, kWarning };

/// One thing wrong with, or noteworthy in, a manifest.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  Position position;
  std::size_t length = 1;  ///< Code points to underline, at least 1.
  std::string path;        ///< Of the field, "spec.artifacts.uki.keysVolume"; may be empty.
  std::string message;     ///< One line. Never holds a value of a Secret.
  std::string hint;        ///< What to do; may be empty.
  /// The line at `position`, or a part of it when it is long. Empty when it must not be shown.
  std::string source_line;
  std::size_t caret = 0;  ///< Where in `source_line` the position is, in code points from 0.
};

/// "file:line:column: error: path: message", the line with a caret below, the hint. No newline at
/// the end. The path is left out where the message begins with it, as upstream's do.
std::string render(const Diagnostic& diagnostic);

/// The errors on one line, for where there is no file to show: "path: message; path: message".
std::string summary(const std::vector<Diagnostic>& diagnostics);

/// {"severity", "file", "line", "column", "path", "message", "hint"}.
nlohmann::json to_json(const Diagnostic& diagnostic);

/// "error" or "warning".
std::string_view name_of(Severity severity);

}  // namespace orchestrator::manifest
