// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/manifest/node.hpp"

namespace orchestrator::manifest {

/// What is wrong with a text, before anything is known of its meaning.
struct TextProblem {
  Position position;
  std::size_t length = 1;
  std::string message;
  std::string hint;
};

/// Largest text that is read, in bytes.
inline constexpr std::size_t kMaxManifestBytes = 4U << 20;

/// A text ready for the parser: no byte order mark, lines end in LF alone.
class SourceText {
 public:
  explicit SourceText(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Line `number` from 1, without its end; empty beyond the end.
  [[nodiscard]] std::string_view line(std::size_t number) const;
  [[nodiscard]] std::size_t line_count() const { return starts_.size(); }

  /// Why the text cannot be YAML at all: too large, not UTF-8, control characters (YAML 1.2, 5.1).
  [[nodiscard]] std::optional<TextProblem> problem() const;

 private:
  std::string text_;
  std::vector<std::size_t> starts_;  // Byte offset of each line.
};

/// Code points in UTF-8 text.
std::size_t code_points(std::string_view text);

/// `count` code points of UTF-8 text from code point `first` on.
std::string_view code_point_range(std::string_view text, std::size_t first, std::size_t count);

}  // namespace orchestrator::manifest
