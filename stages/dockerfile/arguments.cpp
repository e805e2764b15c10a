// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "base/format.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/git_source.hpp"
#include "stages/dockerfile/heredocs.hpp"

namespace stages::dockerfile {
namespace {

bool is_stage_name(std::string_view name) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

std::optional<bool> switch_value(const Instruction& instruction, std::string_view name) {
  return instruction.flag(name) == nullptr ? std::nullopt : std::optional(instruction.has(name));
}

CopySource source_of(const Instruction& instruction, const std::string& word) {
  const bool is_add = instruction.keyword == "ADD";
  const auto heredoc = instruction.exec_form ? std::nullopt : heredoc_word(word);
  if (heredoc) {
    const auto found = std::find_if(instruction.heredocs.rbegin(), instruction.heredocs.rend(),
                                    [&](const auto& one) { return one.name == heredoc->name; });
    if (heredoc->name.find('/') != std::string::npos || heredoc->name == "." ||
        heredoc->name == "..") {
      throw instruction_error(instruction,
                              fmt::format("heredoc name {} cannot be a file's", heredoc->name),
                              "name the heredoc as a file, without a slash");
    }
    return {.kind = CopySource::Kind::kHeredoc,
            .text = heredoc->name,
            .content = found == instruction.heredocs.rend() ? "" : found->content};
  }
  const bool is_git = is_git_source(word);
  const bool is_url = !is_git && (word.starts_with("http://") || word.starts_with("https://"));
  if ((is_git || is_url) && !is_add) {
    throw instruction_error(
        instruction, fmt::format("source can't be a {} for COPY", is_git ? "git ref" : "URL"),
        "ADD fetches it");
  }
  const auto kind = is_git   ? CopySource::Kind::kGit
                    : is_url ? CopySource::Kind::kUrl
                             : CopySource::Kind::kPath;
  return {.kind = kind, .text = word, .content = {}};
}

void check_checksum(const Instruction& instruction, const CopyArguments& arguments) {
  if (arguments.checksum.empty()) return;
  if (arguments.sources.size() != 1) {
    throw instruction_error(instruction, "checksum can't be specified for multiple sources");
  }
  const auto kind = arguments.sources.front().kind;
  if (kind != CopySource::Kind::kUrl && kind != CopySource::Kind::kGit) {
    throw instruction_error(instruction, "checksum requires HTTP(S) or Git sources");
  }
}

std::string copied_from(const Instruction& instruction) {
  bool has_variable = false;
  const Variables none = [&](std::string_view) {
    has_variable = true;
    return std::nullopt;
  };
  auto from = expand(instruction.value("from"), none, '\\');
  if (has_variable) {
    throw instruction_error(instruction, "variable expansion is not supported for --from",
                            "define a new stage with FROM, using an ARG of global scope");
  }
  return from;
}

}  // namespace

FromArguments from_arguments(const Instruction& instruction) {
  const auto& words = instruction.words;
  const bool named = words.size() == 3 && lower_case(words[1]) == "as";
  if (!named && words.size() != 1) {
    throw instruction_error(instruction, "FROM requires either one or three arguments",
                            "write FROM image, or FROM image AS name");
  }
  FromArguments from{
      .image = words.front(), .stage = {}, .platform = instruction.value("platform")};
  if (!named) return from;
  from.stage = lower_case(words[2]);
  if (!is_stage_name(from.stage)) {
    throw instruction_error(
        instruction, fmt::format("invalid name for build stage: \"{}\"", base::printable(words[2])),
        "a name begins with a letter and has letters, digits, '-', '_' and '.'");
  }
  return from;
}

CopyArguments copy_arguments(const Instruction& instruction) {
  const auto& words = instruction.words;
  if (words.size() < 2) {
    throw instruction_error(
        instruction,
        fmt::format("{} requires at least two arguments, but only {} was provided",
                    instruction.keyword, words.empty() ? "none" : "one"),
        "name the sources, and the destination at the end");
  }
  if (!instruction.exec_form && heredoc_word(words.back())) {
    throw instruction_error(instruction, fmt::format("{} cannot accept a heredoc as a destination",
                                                     instruction.keyword));
  }
  CopyArguments arguments{.sources = {},
                          .destination = words.back(),
                          .from = copied_from(instruction),
                          .chown = instruction.value("chown"),
                          .chmod = instruction.value("chmod"),
                          .checksum = instruction.value("checksum"),
                          .exclude = {},
                          .link = instruction.has("link"),
                          .parents = instruction.has("parents"),
                          .keep_git_dir = switch_value(instruction, "keep-git-dir"),
                          .unpack = switch_value(instruction, "unpack")};
  for (const auto& flag : instruction.flags) {
    if (flag.name == "exclude") arguments.exclude.push_back(flag.value.value_or(""));
  }
  for (std::size_t at = 0; at + 1 < words.size(); ++at) {
    arguments.sources.push_back(source_of(instruction, words[at]));
  }
  check_checksum(instruction, arguments);
  return arguments;
}

RunArguments run_arguments(const Instruction& instruction) {
  RunArguments arguments;
  if (instruction.words.empty()) {
    throw instruction_error(instruction, "RUN requires at least one argument");
  }
  if (instruction.exec_form) {
    arguments.command = instruction.words;
    return arguments;
  }
  arguments.script = instruction.text;
  if (instruction.heredocs.empty()) return arguments;
  if (!heredoc_word(instruction.text)) {
    for (const auto& heredoc : instruction.heredocs) {
      arguments.script += "\n" + heredoc.content + heredoc.name;
    }
    return arguments;
  }
  const auto& heredoc = instruction.heredocs.front();
  if (!heredoc.content.starts_with("#!")) {
    arguments.script = heredoc.content;
    return arguments;
  }
  if (heredoc.name.find('/') != std::string::npos || heredoc.name.starts_with('.')) {
    throw instruction_error(instruction,
                            fmt::format("heredoc name {} cannot be a file's", heredoc.name));
  }
  arguments.script.clear();
  arguments.program = heredoc;
  return arguments;
}

}  // namespace stages::dockerfile
