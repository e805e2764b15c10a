// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/heredocs.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/word_lexer.hpp"

namespace stages::dockerfile {
namespace {

std::optional<std::string> no_variables(std::string_view /*name*/) { return std::nullopt; }

/// Words of a text in which nothing is expanded; none where its quotes do not end.
std::vector<std::string> words_of(std::string_view text, bool keep_quotes, bool keep_escapes) {
  try {
    return lex_words(text, no_variables,
                     {.keep_quotes = keep_quotes, .keep_escapes = keep_escapes, .keep_unset = true})
        .words;
  } catch (const base::Error&) {
    return {};
  }
}

auto count_quotes(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '\'' || c == '"'; });
}

}  // namespace

std::optional<HeredocWord> heredoc_word(std::string_view word) {
  const auto digits = word.find_first_not_of("0123456789");
  if (digits == std::string_view::npos || word.substr(digits, 2) != "<<") return std::nullopt;
  auto rest = word.substr(digits + 2);
  HeredocWord heredoc;
  if (rest.starts_with('-')) {
    heredoc.strip_tabs = true;
    rest.remove_prefix(1);
  }
  rest = trimmed_left(rest);
  if (rest.empty() || rest.find('<') != std::string_view::npos) return std::nullopt;
  const auto plain = words_of(rest, false, false);
  const auto quoted = words_of(rest, true, false);
  if (plain.size() != 1 || quoted.size() != 1) return std::nullopt;
  heredoc.name = plain.front();
  heredoc.expand = count_quotes(plain.front()) == count_quotes(quoted.front());
  return heredoc;
}

std::vector<HeredocWord> heredoc_words(std::string_view line) {
  std::vector<HeredocWord> found;
  for (const auto& word : words_of(line, true, true)) {
    if (auto heredoc = heredoc_word(word)) found.push_back(std::move(*heredoc));
  }
  return found;
}

std::string without_leading_tabs(std::string_view text) {
  std::string result;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && c == '\t') continue;
    result += c;
    at_start = c == '\n';
  }
  return result;
}

}  // namespace stages::dockerfile
