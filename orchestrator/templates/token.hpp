// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

/// A piece of a template.
struct Token {
  enum class Kind {
    kText,        ///< Between actions, trimmed: `text`.
    kOpen,        ///< {{
    kClose,       ///< }}
    kBlank,       ///< White space inside an action.
    kDot,         ///< . alone
    kField,       ///< .Name: `text` is the name.
    kVariable,    ///< $name: `text` with the dollar sign.
    kIdentifier,  ///< A function or keyword: `text`.
    kConstant,    ///< `constant`: a text, number or truth value.
    kNil,
    kPipe,
    kComma,
    kAssign,   ///< =
    kDeclare,  ///< :=
    kLeft,     ///< (
    kRight,    ///< )
    kEnd,      ///< Of the template.
  };
  Kind kind = Kind::kEnd;
  std::string text;  ///< As written, where nothing else is said.
  Value constant;
  int line = 0;  ///< From 1.
};

/// Takes a template to pieces. Throws Problem. Source: Go, text/template, "Text and spaces".
std::vector<Token> tokenize(std::string_view text);

}  // namespace orchestrator::templates
