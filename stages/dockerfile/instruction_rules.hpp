// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace stages::dockerfile {

/// How the arguments of an instruction are written.
enum class ArgumentForm {
  kAssignments,  ///< NAME=VALUE..., or NAME and the rest.
  kNames,        ///< NAME or NAME=VALUE...
  kList,         ///< A JSON list, or words.
  kCommand,      ///< A JSON list, or text for the shell.
  kWords,        ///< Words.
  kText,         ///< All of it is one text.
  kTrigger,      ///< An instruction.
  kHealthcheck,  ///< NONE, or CMD and a command.
};

/// What a flag takes.
enum class FlagValue { kSwitch, kText, kTextOften };

struct FlagRule {
  std::string_view name;
  FlagValue value;
};

/// One kind of instruction.
struct InstructionRule {
  std::string_view keyword;
  ArgumentForm form;
  std::span<const FlagRule> flags;
  bool heredocs = false;  ///< It can have here-documents.
};

/// All instructions there are. Source: BuildKit, frontend/dockerfile/instructions/parse.go.
std::span<const InstructionRule> instruction_rules();

/// The rule of an upper-case keyword, or nullptr.
const InstructionRule* find_rule(std::string_view keyword);

}  // namespace stages::dockerfile
