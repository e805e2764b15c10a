// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stages/dockerfile/expansion.hpp"

namespace stages::dockerfile {

/// How words are read.
struct LexOptions {
  char escape = '\\';
  bool keep_quotes = false;   ///< They quote, and stay.
  bool keep_escapes = false;  ///< They escape, and stay.
  bool plain_quotes = false;  ///< They are characters like any other.
  bool keep_unset = false;    ///< What is not set stays as it is written.
  /// Called for each name that is not set where nothing is said to stand for it.
  UnsetVariable on_unset = {};
};

/// Text after expansion.
struct LexedText {
  std::string text;
  std::vector<std::string> words;  ///< Split at blanks outside quotes; none is empty.
};

/// Reads a text as a shell would read words, and expands it. Throws base::Error kManifest: quotes
/// or braces that do not end, modifiers that do not exist, `:?` that fails, more than 64 levels or
/// 16 MiB. Source: BuildKit, frontend/dockerfile/shell.
LexedText lex_words(std::string_view text, const Variables& variables, const LexOptions& options);

}  // namespace stages::dockerfile
