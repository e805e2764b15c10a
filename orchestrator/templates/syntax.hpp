// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

struct Pipeline;

/// One argument: a term and the fields taken of it, `$x.Name`.
struct Operand {
  enum class Kind { kDot, kNil, kConstant, kVariable, kFunction, kPipeline };
  Kind kind = Kind::kDot;
  Value constant;
  std::string name;                          ///< Of a variable, "$x", or a function.
  std::shared_ptr<const Pipeline> pipeline;  ///< In parentheses.
  std::vector<std::string> fields;           ///< Of kDot: `.A.B`; empty is the dot itself.
  int line = 0;
};

/// Arguments with blanks between; the first may be a function.
using Command = std::vector<Operand>;

/// Commands with | between, and the variables that take the result.
struct Pipeline {
  std::vector<std::string> variables;
  bool declares = false;  ///< := and not =.
  std::vector<Command> commands;
  int line = 0;
};

/// A piece of a template's body.
struct Node {
  enum class Kind { kText, kOutput, kIf, kWith, kRange, kBreak, kContinue };
  Kind kind = Kind::kText;
  std::string text;  ///< kText
  Pipeline pipeline;
  std::vector<Node> body;
  std::vector<Node> otherwise;  ///< After {{else}}.
  int line = 0;
};

/// Parses a template: Go's text/template without `define`, `template` and `block`. Throws Problem.
std::vector<Node> parse_template(std::string_view text);

}  // namespace orchestrator::templates
