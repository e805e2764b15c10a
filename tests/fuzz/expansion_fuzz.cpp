// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "stages/dockerfile/expansion.hpp"
#include "stages/dockerfile/word_lexer.hpp"

namespace {

std::optional<std::string> variables(std::string_view name) {
  if (name == "A") return "aXbXc";
  if (name == "B") return "";
  return std::nullopt;
}

}  // namespace

/// Any text expands or is an error; what has nothing to be expanded stays as it is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stages::dockerfile;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char escape : {'\\', '`'}) {
    try {
      const auto whole = expand(text, variables, escape);
      lex_words(text, variables, {.escape = escape});
      const bool plain = text.find_first_of("$'\"\\`") == std::string_view::npos;
      if (plain && whole != text) std::abort();
    } catch (const base::Error&) {
      continue;
    }
  }
  try {
    lex_words(text, variables, {.plain_quotes = true});
  } catch (const base::Error&) {
    return 0;
  }
  return 0;
}
