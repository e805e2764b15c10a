// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

/// The lines of a Dockerfile: what stands on several of them is joined, comments are left out,
/// directives are read.
class SourceLines {
 public:
  /// Reads the directives at the top. Throws base::Error kManifest with the line for a directive
  /// that is given twice or an escape that is neither `\` nor a backtick. `text` must outlive this.
  SourceLines(std::string_view text, std::string file);
  /// The same without directives; `first_line` is the number of the first.
  SourceLines(std::string_view text, std::string file, char escape, int first_line = 1);

  /// A line with those that continue it.
  struct Joined {
    std::string text;
    int first = 0;                 ///< From 1.
    bool has_empty_lines = false;  ///< Among those that continue it.
  };
  std::optional<Joined> next_joined();

  /// The next line as it stands, with its end; for heredocs.
  std::optional<std::string_view> next_raw();

  /// Of the line given last.
  [[nodiscard]] int line() const { return line_; }
  [[nodiscard]] char escape() const { return escape_; }
  [[nodiscard]] const std::optional<std::string>& syntax() const { return syntax_; }
  [[nodiscard]] const std::optional<std::string>& check() const { return check_; }

 private:
  void read_directives();
  bool read_directive(std::string_view line);
  bool cut_continuation(std::string_view& line) const;

  std::string_view rest_;
  std::string file_;
  int line_ = 0;
  char escape_ = '\\';
  bool escape_given_ = false;
  std::optional<std::string> syntax_;
  std::optional<std::string> check_;
};

}  // namespace stages::dockerfile
