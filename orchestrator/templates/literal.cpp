// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/literal.hpp"

#include <charconv>
#include <cmath>

namespace orchestrator::templates {
namespace {

constexpr char32_t kLastCodePoint = 0x10FFFF;
constexpr char32_t kReplacement = 0xFFFD;

bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

/// Underscores stand only between digits, or after the prefix of the base.
bool take_underscores(std::string_view text, bool prefixed, std::string& out) {
  char before = prefixed ? '0' : '_';
  for (const char c : text) {
    if (c == '_' && before == '_') return false;
    if (c != '_') out += c;
    before = c;
  }
  return before != '_';
}

std::optional<Value> parse_integer(std::string_view digits, bool negative, int base,
                                   bool prefixed) {
  std::string plain;
  if (!take_underscores(digits, prefixed, plain)) return std::nullopt;
  std::uint64_t value = 0;
  const auto* end = plain.data() + plain.size();
  const auto [stop, status] = std::from_chars(plain.data(), end, value, base);
  if (status != std::errc() || stop != end) return std::nullopt;
  constexpr std::uint64_t kLargest = 1ULL << 63;
  if (value > kLargest - (negative ? 0 : 1)) return std::nullopt;
  return Value(negative ? static_cast<std::int64_t>(0 - value) : static_cast<std::int64_t>(value));
}

std::optional<Value> parse_decimal_fraction(std::string_view text, bool negative, bool hex) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto format = hex ? std::chars_format::hex : std::chars_format::general;
  const auto [stop, status] = std::from_chars(text.data(), end, value, format);
  if (status != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return Value(negative ? -value : value);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

std::optional<char32_t> digits_value(std::string_view digits, int base) {
  char32_t value = 0;
  for (const char c : digits) {
    if (hex_digit(c) >= base) return std::nullopt;
    value = value * static_cast<char32_t>(base) + static_cast<char32_t>(hex_digit(c));
  }
  return value;
}

/// One escape, taken off the front of `text` after its backslash. A byte for \x and octal.
std::optional<std::string> take_escape(std::string_view& text, char quote, char32_t& value) {
  constexpr std::string_view kNames = "abfnrtv\\";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  const char c = text[0];
  if (const auto at = kNames.find(c); at != std::string_view::npos || c == quote) {
    const char meaning = c == quote ? quote : kMeanings[at];
    value = static_cast<unsigned char>(meaning);
    text.remove_prefix(1);
    return std::string(1, meaning);
  }
  const bool octal = c >= '0' && c <= '7';
  const std::size_t skip = octal ? 0 : 1;
  const std::size_t count = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (count == 0 || text.size() < skip + count) return std::nullopt;
  const auto number = digits_value(text.substr(skip, count), octal ? 8 : 16);
  text.remove_prefix(skip + count);
  if (!number) return std::nullopt;
  value = *number;
  const bool byte = octal || c == 'x';
  if (byte && value > 0xFF) return std::nullopt;
  if (byte) return std::string(1, static_cast<char>(value));
  if (value > kLastCodePoint || is_surrogate(value)) return std::nullopt;
  return utf8(value);
}

}  // namespace

std::string utf8(char32_t c) {
  if (c > kLastCodePoint || is_surrogate(c)) c = kReplacement;
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

std::optional<char32_t> take_code_point(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  char32_t value = length < 2 ? first : first & (0x7FU >> length);
  bool valid = length > 0 && length <= text.size();
  for (std::size_t i = 1; valid && i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    valid = (next & 0xC0) == 0x80;
    value = (value << 6) | (next & 0x3FU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  valid = valid && value >= kSmallest[length] && value <= kLastCodePoint && !is_surrogate(value);
  text.remove_prefix(valid ? length : 1);
  return valid ? std::optional(value) : std::nullopt;
}

std::optional<Value> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  const auto prefix = text.substr(0, 2);
  const bool hex = prefix == "0x" || prefix == "0X";
  const auto digits = text.substr(hex ? 2 : 0);
  if (digits.find_first_of(hex ? ".pP" : ".eE") != std::string_view::npos && prefix != "0b" &&
      prefix != "0B") {
    if (hex && digits.find_first_of("pP") == std::string_view::npos) return std::nullopt;
    std::string plain;
    // Underscores follow the rule between digits; signs and points are none.
    if (!take_underscores(digits, hex, plain)) return std::nullopt;
    if (text.find("_.") != std::string_view::npos || text.find("._") != std::string_view::npos) {
      return std::nullopt;
    }
    return parse_decimal_fraction(plain, negative, hex);
  }
  if (hex) return parse_integer(digits, negative, 16, true);
  if (prefix == "0b" || prefix == "0B") return parse_integer(text.substr(2), negative, 2, true);
  if (prefix == "0o" || prefix == "0O") return parse_integer(text.substr(2), negative, 8, true);
  if (text.size() > 1 && text[0] == '0') return parse_integer(text.substr(1), negative, 8, true);
  return parse_integer(text, negative, 10, false);
}

std::optional<Value> parse_quoted(std::string_view text) {
  const char quote = text[0];
  auto rest = text.substr(1, text.size() - 2);
  if (quote == '`') {
    std::string raw(rest);
    std::erase(raw, '\r');  // As Go reads its sources.
    return Value(std::move(raw));
  }
  std::string out;
  std::size_t count = 0;
  char32_t character = 0;
  for (; !rest.empty(); ++count) {
    if (rest[0] != '\\') {
      const auto before = rest;
      character = take_code_point(rest).value_or(kReplacement);
      out += before.substr(0, before.size() - rest.size());
      continue;
    }
    rest.remove_prefix(1);
    if (rest.empty()) return std::nullopt;
    const auto meaning = take_escape(rest, quote, character);
    if (!meaning) return std::nullopt;
    out += *meaning;
  }
  if (quote == '"') return Value(std::move(out));
  return count == 1 ? std::optional(Value(static_cast<std::int64_t>(character))) : std::nullopt;
}

}  // namespace orchestrator::templates
