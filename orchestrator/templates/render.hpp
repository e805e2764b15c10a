// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

/// A key that a template asks for and nobody gave.
struct MissingValue {
  std::string key;
  int line = 0;  ///< Of the template, from 1.
  friend bool operator==(const MissingValue&, const MissingValue&) = default;
};

struct Rendered {
  std::string text;
  std::vector<MissingValue> missing;  ///< Each key once per line, in order.
  std::vector<int> lines;  ///< Of each line of `text`: the template's line it comes from.
};

/// Renders a build definition as the Kairos operator does: Go's text/template without `define`,
/// `template` and `block`; a missing key is an empty text. Throws base::Error kManifest with `name`
/// and the line, never with a value. Bounded: 4 MiB of text, 10 million steps, 200 levels.
/// Source: Go, text/template, 1.26; kairos-operator v0.1.3, template.go.
Rendered render(std::string_view text, const Values& values, std::string_view name);

}  // namespace orchestrator::templates
