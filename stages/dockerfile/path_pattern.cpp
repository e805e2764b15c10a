// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/path_pattern.hpp"

#include <algorithm>
#include <stdexcept>

namespace stages::dockerfile {
namespace {

[[noreturn]] void bad_pattern() { throw std::invalid_argument("syntax error in pattern"); }

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
};

/// The UTF-8 character at `at`; a byte that begins none stands for itself.
Character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
  if (bytes == 1 || at + bytes > text.size()) return {.code = lead, .bytes = 1};
  char32_t code = lead & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xc0U) != 0x80) return {.code = lead, .bytes = 1};
    code = (code << 6U) | (next & 0x3fU);
  }
  return {.code = code, .bytes = bytes};
}

/// Reads one end of a range of a class.
char32_t class_character(std::string_view pattern, std::size_t& at) {
  if (at >= pattern.size() || pattern[at] == '-' || pattern[at] == ']') bad_pattern();
  if (pattern[at] == '\\' && ++at >= pattern.size()) bad_pattern();
  const auto character = character_at(pattern, at);
  at += character.bytes;
  if (at >= pattern.size()) bad_pattern();
  return character.code;
}

}  // namespace

std::vector<PathPattern::Token> PathPattern::compile(std::string_view pattern, bool any_depth) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (at < pattern.size()) {
    Token token;
    const char c = pattern[at++];
    if (c == '*') {
      token.kind = Kind::kSome;
      if (any_depth && at < pattern.size() && pattern[at] == '*') {
        ++at;
        const bool slash = at < pattern.size() && pattern[at] == '/';
        if (slash) ++at;
        const auto rest = pattern.substr(at);
        // At the start and before plain text, "**" without a slash is any text before that.
        const bool plain = rest.find_first_of("*?[]\\") == std::string_view::npos;
        const bool is_start = at == (slash ? 3U : 2U);
        token.kind =
            rest.empty() || (is_start && !slash && plain) ? Kind::kAnything : Kind::kAnyFolders;
      }
    } else if (c == '?') {
      token.kind = Kind::kOne;
    } else if (c == '[') {
      token.kind = Kind::kClass;
      token.negated = at < pattern.size() && pattern[at] == '^';
      if (token.negated) ++at;
      do {
        const auto low = class_character(pattern, at);
        auto high = low;
        if (pattern[at] == '-') high = class_character(pattern, ++at);
        if (high < low) bad_pattern();
        token.ranges.emplace_back(low, high);
      } while (pattern[at] != ']');
      ++at;
    } else {
      if (c == '\\' && at >= pattern.size()) bad_pattern();
      token.literal = c == '\\' ? pattern[at++] : c;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

PathPattern PathPattern::go_match(std::string_view pattern) {
  return PathPattern(compile(pattern, false));
}

PathPattern PathPattern::ignore(std::string_view pattern) {
  return PathPattern(compile(pattern, true));
}

bool PathPattern::matches(std::string_view path) const {
  const auto size = path.size();
  std::vector<bool> reached(size + 1);
  reached[0] = true;
  for (const auto& token : tokens_) {
    std::vector<bool> next(size + 1);
    bool open = false;  // Something that may be longer has begun.
    for (std::size_t at = 0; at <= size; ++at) {
      const bool here = reached[at];
      if (token.kind == Kind::kSome || token.kind == Kind::kAnything) {
        if (token.kind == Kind::kSome && at > 0 && path[at - 1] == '/') open = false;
        open = open || here;
        next[at] = open;
      } else if (token.kind == Kind::kAnyFolders) {
        next[at] = here || (open && path[at - 1] == '/');
        open = open || here;
      } else if (here && at < size) {
        const auto character = character_at(path, at);
        if (token.kind == Kind::kLiteral) {
          next[at + 1] = path[at] == token.literal;
        } else if (token.kind == Kind::kOne) {
          next[at + character.bytes] = path[at] != '/';
        } else {
          const bool in =
              std::any_of(token.ranges.begin(), token.ranges.end(), [&](const auto& range) {
                return range.first <= character.code && character.code <= range.second;
              });
          next[at + character.bytes] = in != token.negated && path[at] != '/';
        }
      }
    }
    reached = std::move(next);
  }
  return reached[size];
}

bool has_wildcards(std::string_view path) {
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] == '\\') {
      ++at;
    } else if (std::string_view("*?[").find(path[at]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace stages::dockerfile
