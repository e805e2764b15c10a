// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/escape.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "orchestrator/templates/literal.hpp"

namespace orchestrator::templates {
namespace {

template <typename Table>
std::string replace_each(std::string_view text, const Table& table) {
  std::string out;
  for (const char c : text) {
    std::string_view with;
    for (const auto& [from, to] : table) {
      if (c == from) with = to;
    }
    if (with.empty()) {
      out += c;
    } else {
      out += with;
    }
  }
  return out;
}

/// The escape of a character inside quotes, or itself.
std::string quoted_character(char32_t c, char quote, bool ascii) {
  constexpr std::string_view kNamed = "\a\b\f\n\r\t\v";
  constexpr std::string_view kNames = "abfnrtv";
  if (c == static_cast<char32_t>(quote) || c == '\\') return {'\\', static_cast<char>(c)};
  if (c < 0x80 ? is_printable(c) : !ascii && is_printable(c)) return utf8(c);
  if (c < 0x80 && c != 0) {
    const auto at = kNamed.find(static_cast<char>(c));
    if (at != std::string_view::npos) return {'\\', kNames[at]};
  }
  const auto number = static_cast<std::uint32_t>(c);
  if (c < ' ' || c == 0x7F) return fmt::format("\\x{:02x}", number);
  return c < 0x10000 ? fmt::format("\\u{:04x}", number) : fmt::format("\\U{:08x}", number);
}

}  // namespace

bool is_printable(char32_t c) {
  constexpr std::array<std::pair<char32_t, char32_t>, 14> kNot = {{{0, 0x1F},
                                                                   {0x7F, 0xA0},
                                                                   {0xAD, 0xAD},
                                                                   {0x1680, 0x1680},
                                                                   {0x180E, 0x180E},
                                                                   {0x2000, 0x200F},
                                                                   {0x2028, 0x202F},
                                                                   {0x205F, 0x206F},
                                                                   {0x3000, 0x3000},
                                                                   {0xD800, 0xF8FF},
                                                                   {0xFEFF, 0xFEFF},
                                                                   {0xFFF0, 0xFFFB},
                                                                   {0xFFFE, 0xFFFF},
                                                                   {0xE0000, 0x10FFFF}}};
  for (const auto& [first, last] : kNot) {
    if (c >= first && c <= last) return false;
  }
  return c <= 0x10FFFF;
}

std::string escape_html(std::string_view text) {
  constexpr std::array<std::pair<char, std::string_view>, 6> kTable = {{{'<', "&lt;"},
                                                                        {'>', "&gt;"},
                                                                        {'&', "&amp;"},
                                                                        {'\'', "&#39;"},
                                                                        {'"', "&#34;"},
                                                                        {'\0', "\uFFFD"}}};
  return replace_each(text, kTable);
}

std::string escape_js(std::string_view text) {
  constexpr std::array<std::pair<char, std::string_view>, 7> kTable = {{{'\\', "\\\\"},
                                                                        {'\'', "\\'"},
                                                                        {'"', "\\\""},
                                                                        {'<', "\\u003C"},
                                                                        {'>', "\\u003E"},
                                                                        {'&', "\\u0026"},
                                                                        {'=', "\\u003D"}}};
  std::string out;
  while (!text.empty()) {
    const auto before = text;
    const auto c = take_code_point(text);
    const auto taken = before.substr(0, before.size() - text.size());
    if (c && *c >= ' ' && *c < 0x80) {
      out += replace_each(taken, kTable);
    } else if (c && *c >= 0x80 && is_printable(*c)) {
      out += taken;
    } else {
      // Go writes what is no UTF-8 as the replacement character.
      out += c ? fmt::format("\\u{:04X}", static_cast<std::uint32_t>(*c)) : utf8(0xFFFD);
    }
  }
  return out;
}

std::string escape_query(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out += '+';
    } else if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string quote(std::string_view text, bool ascii) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    const auto c = take_code_point(text);
    out += c ? quoted_character(*c, '"', ascii) : fmt::format("\\x{:02x}", first);
  }
  return out + '"';
}

std::string quote_character(char32_t character, bool ascii) {
  return "'" + quoted_character(character, '\'', ascii) + "'";
}

}  // namespace orchestrator::templates
