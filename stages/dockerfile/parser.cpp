// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/format.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/build_checks.hpp"
#include "stages/dockerfile/instruction.hpp"
#include "stages/dockerfile/instruction_line.hpp"
#include "stages/dockerfile/source_lines.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kQuotedBytes = 200;

/// `text` with the user info of its URLs masked.
std::string without_passwords(std::string text) {
  for (auto at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
    at += 3;
    const auto end = std::min(text.find_first_of(" \t/?#\"'", at), text.size());
    const auto user = text.substr(at, end - at).rfind('@');
    if (user != std::string::npos) text.replace(at, user, "***");
  }
  return text;
}

[[noreturn]] void fail(const std::string& name, std::string_view problem, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = fmt::format("{}: {}", name, problem),
                     .why = "",
                     .hint = std::move(hint)});
}

}  // namespace

const Flag* Instruction::flag(std::string_view wanted) const {
  const auto found =
      std::find_if(flags.begin(), flags.end(), [&](const auto& one) { return one.name == wanted; });
  return found == flags.end() ? nullptr : &*found;
}

std::string Instruction::value(std::string_view wanted) const {
  const auto* const found = flag(wanted);
  return found == nullptr ? "" : found->value.value_or("");
}

bool Instruction::has(std::string_view wanted) const {
  const auto* const found = flag(wanted);
  return found != nullptr && lower_case(found->value.value_or("true")) == "true";
}

base::Error instruction_error(const Instruction& instruction, std::string_view problem,
                              std::string hint) {
  auto source = without_passwords(instruction.original);
  if (source.size() > kQuotedBytes) source = source.substr(0, kQuotedBytes) + "...";
  return base::Error({.code = base::ErrorCode::kManifest,
                      .what = fmt::format("{}:{}: {}", instruction.file, instruction.line, problem),
                      .why = fmt::format("{} | {}", instruction.line, source),
                      .hint = std::move(hint)});
}

Dockerfile parse_dockerfile(std::string_view text, std::string name) {
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    const auto lines_before = std::count(text.begin(), text.begin() + nul, '\n');
    fail(fmt::format("{}:{}", name, lines_before + 1), "it has a NUL byte",
         "a Dockerfile is text in UTF-8");
  }
  SourceLines lines(text, name);
  Dockerfile dockerfile{.name = std::move(name),
                        .text = std::string(text),
                        .escape = lines.escape(),
                        .syntax = lines.syntax(),
                        .check = lines.check(),
                        .instructions = {},
                        .warnings = {}};
  BuildChecks checks(dockerfile);
  bool in_stage = false;
  while (const auto line = lines.next_joined()) {
    auto instruction = read_instruction(*line, lines, dockerfile.name);
    in_stage = in_stage || instruction.keyword == "FROM";
    if (!in_stage && instruction.keyword != "ARG") {
      throw instruction_error(instruction,
                              fmt::format("{} stands before the first FROM", instruction.keyword),
                              "a Dockerfile begins with FROM; only ARG may stand before it");
    }
    if (line->has_empty_lines) checks.found_empty_continuation(instruction);
    dockerfile.instructions.push_back(std::move(instruction));
  }
  if (dockerfile.instructions.empty()) {
    fail(dockerfile.name, "it has no instructions", "a Dockerfile begins with FROM");
  }
  if (!in_stage) fail(dockerfile.name, "it has no FROM", "name the image to build on with FROM");
  dockerfile.warnings = checks.run();
  return dockerfile;
}

Instruction parse_instruction(std::string_view text, char escape, const std::string& name) {
  SourceLines lines(text, name, escape);
  const auto line = lines.next_joined();
  if (!line) fail(name, "there is no instruction", "");
  auto instruction = read_instruction(*line, lines, name);
  if (lines.next_joined()) {
    throw instruction_error(instruction, "there is more than one instruction");
  }
  return instruction;
}

}  // namespace stages::dockerfile
