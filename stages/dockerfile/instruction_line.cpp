// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/instruction_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/format.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/heredocs.hpp"
#include "stages/dockerfile/instruction_rules.hpp"

namespace stages::dockerfile {
namespace {

/// Splits flags off an instruction's arguments. Source: BuildKit, parser/split_command.go.
class FlagSplitter {
 public:
  FlagSplitter(std::string_view text, char escape) : text_(text), escape_(escape) {}

  /// The flags as written, without quotes and escapes.
  std::vector<std::string> flags() {
    std::vector<std::string> found;
    while (true) {
      text_ = trimmed_left(text_);
      if (!text_.starts_with("--")) return found;
      auto word = next_word();
      if (word == "--") return found;
      found.push_back(std::move(word));
    }
  }
  /// What follows them.
  [[nodiscard]] std::string_view rest() const { return trimmed(text_); }

 private:
  std::string next_word() {
    std::string word;
    char quote = '\0';
    std::size_t at = 0;
    for (; at < text_.size(); ++at) {
      const char c = text_[at];
      if (quote == '\0' && is_blank(c)) break;
      if (c == quote) {
        quote = '\0';
      } else if (quote == '\0' && (c == '\'' || c == '"')) {
        quote = c;
      } else if (c == escape_) {
        if (++at < text_.size()) word += text_[at];
      } else {
        word += c;
      }
    }
    text_.remove_prefix(std::min(at, text_.size()));
    return word;
  }

  std::string_view text_;
  char escape_;
};

/// Words with their quotes and escapes. Source: BuildKit, parser/line_parsers.go, parseWords.
std::vector<std::string> quoted_words(std::string_view text, char escape) {
  std::vector<std::string> words;
  std::string word;
  char quote = '\0';
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote == '\0' && is_blank(c)) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    if (c == escape && quote != '\'') {
      if (at + 1 == text.size()) break;  // Nothing is there to be escaped.
      word += c;
      word += text[++at];
      continue;
    }
    if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    }
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

/// Fills `words` when `text` is a JSON list of texts. What only looks like one is for the shell; a
/// list of anything else is an error.
bool read_json_list(Instruction& instruction, std::string_view text) {
  if (!trimmed_left(text).starts_with('[')) return false;
  const auto list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return false;
  std::vector<std::string> words;
  for (const auto& item : list) {
    if (!item.is_string()) {
      throw instruction_error(
          instruction, "when using JSON array syntax, arrays must be comprised of strings only",
          "put each item into double quotes");
    }
    words.push_back(item.get<std::string>());
    if (words.back().find('\0') != std::string::npos) {
      throw instruction_error(instruction, "a NUL can be in no argument and in no path");
    }
  }
  instruction.words.insert(instruction.words.end(), words.begin(), words.end());
  instruction.exec_form = true;
  return true;
}

void require_arguments(const Instruction& instruction, std::string_view expected) {
  if (!instruction.text.empty()) return;
  throw instruction_error(instruction,
                          fmt::format("{} requires at least one argument", instruction.keyword),
                          fmt::format("write {}", expected));
}

void read_assignments(Instruction& instruction, bool values_needed) {
  const auto& keyword = instruction.keyword;
  require_arguments(instruction, keyword + " NAME=VALUE");
  const auto& words = instruction.words;
  if (words.empty()) throw instruction_error(instruction, "there is nothing to be escaped");
  if (values_needed && words.front().find('=') == std::string::npos) {
    const auto name_end = instruction.text.find_first_of(" \t\v\f\r");
    if (name_end == std::string::npos) {
      throw instruction_error(instruction, fmt::format("{} must have two arguments", keyword),
                              fmt::format("write {} NAME=VALUE", keyword));
    }
    instruction.assignments.push_back(
        {.name = instruction.text.substr(0, name_end),
         .value = std::string(trimmed_left(std::string_view(instruction.text).substr(name_end)))});
    return;
  }
  for (const auto& word : words) {
    const auto equals = word.find('=');
    if (equals == 0) {
      throw instruction_error(instruction, fmt::format("{} names can not be blank", keyword));
    }
    if (equals != std::string::npos) {
      instruction.assignments.push_back(
          {.name = word.substr(0, equals), .value = word.substr(equals + 1)});
    } else if (values_needed) {
      throw instruction_error(
          instruction, fmt::format("can't find = in \"{}\": must be of the form: name=value", word),
          "a value with blanks is put into quotes");
    } else {
      instruction.assignments.push_back({.name = word, .value = std::nullopt});
    }
  }
}

void read_flags(Instruction& instruction, const InstructionRule& rule,
                const std::vector<std::string>& written) {
  std::set<std::string> seen;
  for (const auto& text : written) {
    const auto equals = text.find('=');
    Flag flag{.name = text.substr(2, equals == std::string::npos ? equals : equals - 2),
              .value = std::nullopt};
    if (equals != std::string::npos) flag.value = text.substr(equals + 1);
    const auto known = std::find_if(rule.flags.begin(), rule.flags.end(),
                                    [&](const auto& one) { return one.name == flag.name; });
    if (known == rule.flags.end()) {
      std::vector<std::string_view> names;
      for (const auto& one : rule.flags) names.push_back(one.name);
      const auto meant = base::nearest(flag.name, names);
      std::string hint = fmt::format("{} takes no flags", rule.keyword);
      if (!names.empty())
        hint = fmt::format("{} takes --{}", rule.keyword, fmt::join(names, ", --"));
      if (!meant.empty()) hint = fmt::format("did you mean --{}?", meant);
      throw instruction_error(instruction, fmt::format("unknown flag: --{}", flag.name), hint);
    }
    if (!seen.insert(flag.name).second && known->value != FlagValue::kTextOften) {
      throw instruction_error(instruction,
                              fmt::format("duplicate flag specified: --{}", flag.name));
    }
    const bool is_switch = known->value == FlagValue::kSwitch;
    if (is_switch ? flag.value == "" : !flag.value) {
      throw instruction_error(instruction, fmt::format("missing a value on flag: --{}", flag.name));
    }
    if (is_switch && flag.value && lower_case(*flag.value) != "true" &&
        lower_case(*flag.value) != "false") {
      throw instruction_error(
          instruction,
          fmt::format("expecting boolean value for flag --{}, not: {}", flag.name, *flag.value));
    }
    instruction.flags.push_back(std::move(flag));
  }
}

void read_healthcheck(Instruction& instruction) {
  require_arguments(instruction, "HEALTHCHECK CMD command, or HEALTHCHECK NONE");
  const std::string_view text = instruction.text;
  const auto kind = text.substr(0, text.find_first_of(kBlanks));
  instruction.words = {std::string(kind)};
  const auto command = trimmed_left(text.substr(kind.size()));
  if (!read_json_list(instruction, command) && !command.empty()) {
    instruction.words.emplace_back(command);
  }
}

/// Reads one line without the heredocs that it announces.
Instruction read_line(std::string_view line, int number, char escape, const std::string& file);

void read_arguments(Instruction& instruction, const InstructionRule& rule, char escape) {
  const auto split = [&] { instruction.words = split_at_blanks(instruction.text); };
  switch (rule.form) {
    case ArgumentForm::kAssignments:
    case ArgumentForm::kNames:
      instruction.words = quoted_words(instruction.text, escape);
      read_assignments(instruction, rule.form == ArgumentForm::kAssignments);
      return;
    case ArgumentForm::kList:
    case ArgumentForm::kCommand:
      if (!read_json_list(instruction, instruction.text)) split();
      return;
    case ArgumentForm::kWords:
      split();
      return;
    case ArgumentForm::kText:
      if (instruction.text.empty()) {
        throw instruction_error(
            instruction, fmt::format("{} requires exactly one argument", instruction.keyword));
      }
      split();
      return;
    case ArgumentForm::kTrigger: {
      require_arguments(instruction, "ONBUILD and an instruction");
      const auto trigger = read_line(instruction.text, instruction.line, escape, instruction.file);
      if (trigger.keyword == "ONBUILD") {
        throw instruction_error(instruction,
                                "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
      }
      if (trigger.keyword == "FROM" || trigger.keyword == "MAINTAINER") {
        throw instruction_error(
            instruction, fmt::format("{} isn't allowed as an ONBUILD trigger", trigger.keyword));
      }
      split();
      return;
    }
    case ArgumentForm::kHealthcheck:
      read_healthcheck(instruction);
      return;
  }
}

Instruction read_line(std::string_view line, int number, char escape, const std::string& file) {
  line = trimmed(line);
  const auto keyword = line.substr(0, line.find_first_of(" \t\v\f\r"));
  Instruction instruction{.file = file,
                          .keyword = upper_case(keyword),
                          .line = number,
                          .last_line = number,
                          .original = std::string(line),
                          .flags = {},
                          .text = {},
                          .words = {},
                          .assignments = {},
                          .heredocs = {}};
  const auto* const rule = find_rule(instruction.keyword);
  if (rule == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& one : instruction_rules()) names.push_back(one.keyword);
    const auto meant = base::nearest(instruction.keyword, names);
    throw instruction_error(
        instruction, fmt::format("unknown instruction: {}", base::printable(keyword)),
        meant.empty() ? fmt::format("an instruction is one of {}", fmt::join(names, ", "))
                      : fmt::format("did you mean {}?", meant));
  }
  FlagSplitter splitter(line.substr(keyword.size()), escape);
  read_flags(instruction, *rule, splitter.flags());
  instruction.text = splitter.rest();
  read_arguments(instruction, *rule, escape);
  return instruction;
}

void read_heredocs(Instruction& instruction, SourceLines& lines, bool trigger) {
  for (const auto& word : heredoc_words(instruction.original)) {
    Heredoc heredoc{
        .name = word.name, .content = {}, .expand = word.expand, .line = lines.line() + 1};
    bool ended = false;
    while (const auto raw = lines.next_raw()) {
      std::string_view end = *raw;
      while (end.ends_with('\n') || end.ends_with('\r')) end.remove_suffix(1);
      if (word.strip_tabs) end.remove_prefix(std::min(end.find_first_not_of('\t'), end.size()));
      ended = end == word.name;
      if (ended) break;
      heredoc.content += *raw;
    }
    if (!ended) {
      throw instruction_error(instruction, fmt::format("unterminated heredoc <<{}", word.name),
                              fmt::format("a line with {} alone ends it", word.name));
    }
    if (trigger) instruction.text += "\n" + heredoc.content + heredoc.name;
    if (word.strip_tabs) heredoc.content = without_leading_tabs(heredoc.content);
    if (!trigger) instruction.heredocs.push_back(std::move(heredoc));
  }
}

bool has_variable(const Instruction& instruction) {
  const auto has = [](const std::string& text) { return text.find('$') != std::string::npos; };
  return has(instruction.original) ||
         std::any_of(instruction.heredocs.begin(), instruction.heredocs.end(),
                     [&](const auto& heredoc) { return heredoc.expand && has(heredoc.content); });
}

/// Checks what no variable is needed for.
void check_arguments(const Instruction& instruction, char escape) {
  const auto& keyword = instruction.keyword;
  if (keyword == "FROM") static_cast<void>(from_arguments(instruction));
  if (keyword == "RUN") static_cast<void>(run_arguments(instruction));
  if (keyword == "HEALTHCHECK") static_cast<void>(healthcheck_arguments(instruction));
  const bool odd_source = instruction.value("from").find('$') != std::string::npos;
  if ((keyword == "ADD" || keyword == "COPY") && (odd_source || instruction.words.size() < 2)) {
    static_cast<void>(copy_arguments(instruction));
  }
  if (!has_variable(instruction)) {
    const auto plain = expanded(
        instruction, [](std::string_view) { return std::nullopt; }, escape);
    if (keyword == "ADD" || keyword == "COPY") static_cast<void>(copy_arguments(plain));
    if (keyword == "RUN") static_cast<void>(run_options(plain));
    if (keyword == "EXPOSE") static_cast<void>(exposed_ports(plain));
    if (keyword == "STOPSIGNAL") static_cast<void>(stop_signal(plain));
  }
  if (keyword == "SHELL" && !(instruction.exec_form && !instruction.words.empty())) {
    throw instruction_error(instruction, "SHELL requires the arguments to be in JSON form",
                            R"(write SHELL ["/bin/sh", "-c"])");
  }
  if (keyword == "VOLUME") {
    const auto& words = instruction.words;
    if (words.empty()) {
      throw instruction_error(instruction, "VOLUME requires at least one argument");
    }
    if (std::any_of(words.begin(), words.end(),
                    [](const auto& word) { return trimmed(word).empty(); })) {
      throw instruction_error(instruction, "VOLUME specified can not be an empty string");
    }
  }
}

}  // namespace

Instruction read_instruction(const SourceLines::Joined& line, SourceLines& lines,
                             const std::string& file) {
  auto instruction = read_line(line.text, line.first, lines.escape(), file);
  const bool trigger = instruction.keyword == "ONBUILD";
  const auto inner =
      trigger ? read_line(instruction.text, line.first, lines.escape(), file) : instruction;
  if (find_rule(inner.keyword)->heredocs && !inner.exec_form) {
    read_heredocs(instruction, lines, trigger);
  }
  instruction.last_line = lines.line();
  if (trigger) {
    SourceLines trigger_lines(instruction.text, file, lines.escape(), line.first);
    if (const auto first = trigger_lines.next_joined()) {
      static_cast<void>(read_instruction(*first, trigger_lines, file));
    }
  } else {
    check_arguments(instruction, lines.escape());
  }
  return instruction;
}

}  // namespace stages::dockerfile
