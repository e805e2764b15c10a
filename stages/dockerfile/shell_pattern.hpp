// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

/// A pattern of `${x#p}` and its like: `*` is any text, `?` one character (UTF-8), a backslash
/// takes the meaning from `*`, `?`, `/`, `}` and itself. There are no brackets. Matching takes time
/// in proportion to pattern and text, whatever they are.
class ShellPattern {
 public:
  /// Throws std::invalid_argument for a backslash before anything else.
  explicit ShellPattern(std::string_view pattern);

  /// `text` without the shortest or longest start that matches.
  [[nodiscard]] std::string without_prefix(std::string_view text, bool longest) const;
  [[nodiscard]] std::string without_suffix(std::string_view text, bool longest) const;
  /// The leftmost match that is not empty, as long as it can be, or all of them, replaced.
  [[nodiscard]] std::string replaced(std::string_view text, std::string_view replacement,
                                     bool all) const;

 private:
  enum class Kind { kLiteral, kOne, kAny };
  struct Token {
    Kind kind;
    char literal;
  };
  using Positions = std::vector<bool>;
  [[nodiscard]] Positions ends(std::string_view text, std::size_t start) const;
  [[nodiscard]] Positions starts(std::string_view text, Positions ends) const;

  std::vector<Token> tokens_;
  bool has_any_ = false;
};

}  // namespace stages::dockerfile
