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

/// How the parts of one instruction are expanded.
struct Expansion {
  const Variables& variables;
  char escape;
  const UnsetVariable& on_unset;

  [[nodiscard]] LexedText operator()(std::string_view text) const {
    return lex_words(text, variables, {.escape = escape, .on_unset = on_unset});
  }
  [[nodiscard]] std::string heredoc(std::string_view text) const {
    return lex_words(text, variables, {.plain_quotes = true, .on_unset = on_unset}).text;
  }
};

void expand_in_place(Instruction& instruction, const Expandable& what, const Expansion& expansion) {
  for (auto& flag : instruction.flags) {
    const bool expands =
        std::find(kExpandedFlags.begin(), kExpandedFlags.end(), flag.name) != kExpandedFlags.end();
    if (flag.value && expands) flag.value = expansion(*flag.value).text;
  }
  if (what.text) instruction.text = expansion(instruction.text).text;
  if (what.words) {
    for (auto& word : instruction.words) {
      if (!what.heredocs || !heredoc_word(word)) word = expansion(word).text;
    }
  }
  for (auto& [name, value] : instruction.assignments) {
    name = expansion(name).text;
    if (what.assigned_values && value) value = expansion(*value).text;
  }
  if (!what.heredocs) return;
  for (auto& heredoc : instruction.heredocs) {
    if (heredoc.expand) heredoc.content = expansion.heredoc(heredoc.content);
  }
}

}  // namespace

std::string expand(std::string_view word, const Variables& variables, char escape) {
  return lex_words(word, variables, {.escape = escape}).text;
}

Instruction expanded(const Instruction& instruction, const Variables& variables, char escape,
                     const UnsetVariable& on_unset) {
  const Expansion expansion{.variables = variables, .escape = escape, .on_unset = on_unset};
  auto result = instruction;
  try {
    if (instruction.keyword == "EXPOSE") {
      result.words.clear();
      for (const auto& word : instruction.words) {
        const auto words = expansion(word).words;
        result.words.insert(result.words.end(), words.begin(), words.end());
      }
    }
    for (const auto& what : kExpandable) {
      if (what.keyword == instruction.keyword) expand_in_place(result, what, expansion);
    }
  } catch (const base::Error& error) {
    throw instruction_error(instruction, error.facts().what);
  }
  return result;
}

}  // namespace stages::dockerfile
