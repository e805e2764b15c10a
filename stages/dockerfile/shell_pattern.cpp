// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/shell_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace stages::dockerfile {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

std::size_t next_character(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && continues_character(text[at])) ++at;
  return at;
}

}  // namespace

ShellPattern::ShellPattern(std::string_view pattern) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '*') {
      has_any_ = true;
      tokens_.push_back({Kind::kAny, c});
    } else if (c == '?') {
      tokens_.push_back({Kind::kOne, c});
    } else if (c != '\\') {
      tokens_.push_back({Kind::kLiteral, c});
    } else {
      const char escaped = at + 1 < pattern.size() ? pattern[at + 1] : '\0';
      if (std::string_view("*?/}\\").find(escaped) == std::string_view::npos || escaped == '\0') {
        throw std::invalid_argument(
            fmt::format("invalid escape '\\{}'", escaped == '\0' ? "" : std::string(1, escaped)));
      }
      tokens_.push_back({Kind::kLiteral, escaped});
      ++at;
    }
  }
}

ShellPattern::Positions ShellPattern::ends(std::string_view text, std::size_t start) const {
  // Without a `*` the match is as long as the pattern, give or take UTF-8: look no further.
  const auto size = has_any_ ? text.size() : std::min(text.size(), start + 4 * tokens_.size());
  Positions reached(size + 1);
  reached[start] = true;
  for (const auto& token : tokens_) {
    Positions next(size + 1);
    bool any = false;
    for (std::size_t at = start; at <= size; ++at) {
      if (token.kind == Kind::kAny) {
        any = any || reached[at];
        next[at] = any;
      } else if (reached[at] && at < size &&
                 (token.kind == Kind::kOne || text[at] == token.literal)) {
        const auto after = token.kind == Kind::kOne ? next_character(text, at) : at + 1;
        if (after <= size) next[after] = true;
      }
    }
    reached = std::move(next);
  }
  return reached;
}

ShellPattern::Positions ShellPattern::starts(std::string_view text, Positions ends) const {
  auto reached = std::move(ends);
  for (auto token = tokens_.rbegin(); token != tokens_.rend(); ++token) {
    Positions next(text.size() + 1);
    bool any = false;
    for (std::size_t at = text.size() + 1; at-- > 0;) {
      if (token->kind == Kind::kAny) {
        any = any || reached[at];
        next[at] = any;
      } else if (at < text.size()) {
        next[at] = token->kind == Kind::kOne
                       ? !continues_character(text[at]) && reached[next_character(text, at)]
                       : text[at] == token->literal && reached[at + 1];
      }
    }
    reached = std::move(next);
  }
  return reached;
}

std::string ShellPattern::without_prefix(std::string_view text, bool longest) const {
  const auto found = ends(text, 0);
  const auto first = std::find(found.begin(), found.end(), true);
  if (first == found.end()) return std::string(text);
  const auto last = std::find(found.rbegin(), found.rend(), true);
  const auto end = longest ? found.rend() - last - 1 : first - found.begin();
  return std::string(text.substr(static_cast<std::size_t>(end)));
}

std::string ShellPattern::without_suffix(std::string_view text, bool longest) const {
  Positions end(text.size() + 1);
  end[text.size()] = true;
  const auto found = starts(text, std::move(end));
  const auto first = std::find(found.begin(), found.end(), true);
  if (first == found.end()) return std::string(text);
  const auto last = std::find(found.rbegin(), found.rend(), true);
  const auto start = longest ? first - found.begin() : found.rend() - last - 1;
  return std::string(text.substr(0, static_cast<std::size_t>(start)));
}

std::string ShellPattern::replaced(std::string_view text, std::string_view replacement,
                                   bool all) const {
  const auto possible = starts(text, Positions(text.size() + 1, true));
  std::string result;
  std::size_t at = 0;
  bool done = false;
  while (at < text.size()) {
    if (!done && possible[at]) {
      const auto found = ends(text, at);
      const auto last = std::find(found.rbegin(), found.rend(), true);
      const auto end = static_cast<std::size_t>(found.rend() - last - 1);
      if (last != found.rend() && end > at) {
        result += replacement;
        at = end;
        done = !all;
        continue;
      }
    }
    result += text[at++];
  }
  return result;
}

}  // namespace stages::dockerfile
