// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stages::dockerfile {

/// A pattern over paths: `*` and `?` (never a slash), `[a-z] [^a-z]`, a backslash before anything.
/// Matching takes time in proportion to pattern and path, whatever they are.
class PathPattern {
 public:
  /// Go's filepath.Match. Throws std::invalid_argument ("syntax error in pattern").
  static PathPattern go_match(std::string_view pattern);
  /// moby/patternmatcher: `**` is any number of folders too. Throws likewise.
  static PathPattern ignore(std::string_view pattern);

  /// The whole of `path`.
  [[nodiscard]] bool matches(std::string_view path) const;

 private:
  enum class Kind {
    kLiteral,
    kOne,         ///< ?
    kSome,        ///< *
    kClass,       ///< [...]
    kAnything,    ///< Any text, slashes too.
    kAnyFolders,  ///< Nothing, or any text that ends with a slash.
  };
  struct Token {
    Kind kind = Kind::kLiteral;
    char literal = '\0';
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;
  };
  static std::vector<Token> compile(std::string_view pattern, bool any_depth);
  explicit PathPattern(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::vector<Token> tokens_;
};

/// Whether `path` has an unescaped `*`, `?` or `[`.
bool has_wildcards(std::string_view path);

}  // namespace stages::dockerfile
