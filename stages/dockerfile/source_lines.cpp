// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/source_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/instruction.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_comment(std::string_view line) { return trimmed_left(line).starts_with('#'); }

std::string_view without_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

SourceLines::SourceLines(std::string_view text, std::string file)
    : rest_(text), file_(std::move(file)) {
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  read_directives();
}

SourceLines::SourceLines(std::string_view text, std::string file, char escape, int first_line)
    : rest_(text), file_(std::move(file)), line_(first_line - 1), escape_(escape) {}

std::optional<std::string_view> SourceLines::next_raw() {
  if (rest_.empty()) return std::nullopt;
  const auto end = rest_.find('\n');
  const auto line = rest_.substr(0, end == std::string_view::npos ? end : end + 1);
  rest_.remove_prefix(line.size());
  ++line_;
  return line;
}

void SourceLines::read_directives() {
  while (true) {
    const auto before = rest_;
    const auto line = next_raw();
    if (line && read_directive(trimmed_left(without_end(*line)))) continue;
    rest_ = before;
    if (line) --line_;
    return;
  }
}

bool SourceLines::read_directive(std::string_view line) {
  if (!line.starts_with('#')) return false;
  line = trimmed(line.substr(1));
  const auto name_end = std::find_if_not(line.begin(), line.end(),
                                         [](unsigned char c) { return std::isalnum(c) != 0; });
  auto name = lower_case(line.substr(0, static_cast<std::size_t>(name_end - line.begin())));
  auto value = trimmed_left(line.substr(name.size()));
  if (!value.starts_with('=')) return false;
  value = trimmed(value.substr(1));
  if (value.empty()) return false;

  const auto fail = [&](std::string_view problem, std::string hint) {
    const Instruction here{.file = file_,
                           .keyword = {},
                           .line = line_,
                           .last_line = line_,
                           .original = "# " + std::string(line),
                           .flags = {},
                           .text = {},
                           .words = {},
                           .assignments = {},
                           .heredocs = {}};
    throw instruction_error(here, problem, std::move(hint));
  };
  const bool known = name == "syntax" || name == "check" || name == "escape";
  if (!known) return false;
  if ((name == "syntax" && syntax_) || (name == "check" && check_) ||
      (name == "escape" && escape_given_)) {
    fail(fmt::format("only one {} parser directive can be used", name), "remove one of them");
  }
  if (name == "syntax") syntax_ = value;
  if (name == "check") check_ = value;
  if (name == "escape") {
    if (value != "\\" && value != "`") {
      fail(fmt::format("invalid escape token '{}'", value), "the escape is ` or \\");
    }
    escape_ = value.front();
    escape_given_ = true;
  }
  return true;
}

/// Whether another line follows: `line` ends with an escape that no escape stands before.
bool SourceLines::cut_continuation(std::string_view& line) const {
  auto end = line;
  while (end.ends_with(' ') || end.ends_with('\t')) end.remove_suffix(1);
  if (!end.ends_with(escape_)) return false;
  end.remove_suffix(1);
  if (end.ends_with(escape_)) return false;
  line = end;
  return true;
}

std::optional<SourceLines::Joined> SourceLines::next_joined() {
  while (const auto raw = next_raw()) {
    auto line = trimmed_left(without_end(*raw));
    if (line.empty() || line.starts_with('#')) continue;
    Joined joined{.text = {}, .first = line_};
    bool goes_on = cut_continuation(line);
    joined.text = line;
    while (goes_on) {
      const auto more = next_raw();
      if (!more) break;
      line = without_end(*more);
      if (is_comment(line)) continue;
      if (trimmed_left(line).empty()) {
        joined.has_empty_lines = true;
        continue;
      }
      goes_on = cut_continuation(line);
      joined.text += line;
    }
    if (!trimmed_left(joined.text).empty()) return joined;
  }
  return std::nullopt;
}

}  // namespace stages::dockerfile
