// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/expansion.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "stages/dockerfile/heredocs.hpp"
#include "stages/dockerfile/word_lexer.hpp"

namespace stages::dockerfile {
namespace {

/// What of an instruction is expanded.
struct Expandable {
  std::string_view keyword;
  bool words = false;
  bool text = false;
  bool assigned_values = false;
  bool heredocs = false;
};

constexpr std::array<Expandable, 11> kExpandable = {{
    {.keyword = "ADD", .words = true, .heredocs = true},
    {.keyword = "ARG"},
    {.keyword = "COPY", .words = true, .heredocs = true},
    {.keyword = "ENV", .assigned_values = true},
    {.keyword = "FROM", .words = true},
    {.keyword = "LABEL", .assigned_values = true},
    {.keyword = "RUN"},
    {.keyword = "STOPSIGNAL", .text = true},
    {.keyword = "USER", .text = true},
    {.keyword = "VOLUME", .words = true},
    {.keyword = "WORKDIR", .text = true},
}};

constexpr std::array<std::string_view, 5> kExpandedFlags = {"chown", "chmod", "checksum",
                                                            "platform", "mount"};

void expand_in_place(Instruction& instruction, const Expandable& what, const Variables& variables,
                     char escape) {
  for (auto& flag : instruction.flags) {
    const bool expands =
        std::find(kExpandedFlags.begin(), kExpandedFlags.end(), flag.name) != kExpandedFlags.end();
    if (flag.value && expands) flag.value = expand(*flag.value, variables, escape);
  }
  if (what.text) instruction.text = expand(instruction.text, variables, escape);
  if (what.words) {
    for (auto& word : instruction.words) {
      if (!what.heredocs || !heredoc_word(word)) word = expand(word, variables, escape);
    }
  }
  for (auto& [name, value] : instruction.assignments) {
    name = expand(name, variables, escape);
    if (what.assigned_values && value) value = expand(*value, variables, escape);
  }
  if (!what.heredocs) return;
  for (auto& heredoc : instruction.heredocs) {
    if (heredoc.expand) heredoc.content = expand_heredoc(heredoc.content, variables);
  }
}

}  // namespace

std::string expand(std::string_view word, const Variables& variables, char escape) {
  return lex_words(word, variables, {.escape = escape}).text;
}

std::string expand_heredoc(std::string_view text, const Variables& variables) {
  return lex_words(text, variables, {.plain_quotes = true}).text;
}

std::vector<std::string> expand_words(std::string_view text, const Variables& variables,
                                      char escape) {
  return lex_words(text, variables, {.escape = escape}).words;
}

Instruction expanded(const Instruction& instruction, const Variables& variables, char escape) {
  auto result = instruction;
  try {
    if (instruction.keyword == "EXPOSE") {
      result.words.clear();
      for (const auto& word : instruction.words) {
        const auto words = expand_words(word, variables, escape);
        result.words.insert(result.words.end(), words.begin(), words.end());
      }
    }
    for (const auto& what : kExpandable) {
      if (what.keyword == instruction.keyword) expand_in_place(result, what, variables, escape);
    }
  } catch (const base::Error& error) {
    throw instruction_error(instruction, error.facts().what);
  }
  return result;
}

}  // namespace stages::dockerfile
