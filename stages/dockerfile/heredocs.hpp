// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stages::dockerfile {

/// `<<EOF`, `<<-"EOF"`: where a here-document is announced.
struct HeredocWord {
  std::string name;
  bool expand = true;       ///< No part of the name is quoted.
  bool strip_tabs = false;  ///< `<<-`
};

/// The word, quotes and escapes kept, as the announcement that it may be.
std::optional<HeredocWord> heredoc_word(std::string_view word);

/// All that a line announces, in order. `<<EOF` inside quotes and `<<<` are none; a line whose
/// quotes do not end announces nothing.
std::vector<HeredocWord> heredoc_words(std::string_view line);

/// `text` without the tabs that its lines begin with.
std::string without_leading_tabs(std::string_view text);

}  // namespace stages::dockerfile
