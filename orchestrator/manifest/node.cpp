// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/node.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace orchestrator::manifest {
namespace {

constexpr std::array<std::string_view, 11> kTrueWords = {
    "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
constexpr std::array<std::string_view, 11> kFalseWords = {
    "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNullWords = {"", "~", "null", "Null", "NULL"};

template <typename Words>
bool is_one_of(const std::string& text, const Words& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

struct Radix {
  std::size_t prefix;
  int base;
};

/// The prefix of digits in Go's syntax (strconv.ParseInt with base 0), which Kubernetes uses.
Radix radix_of(std::string_view digits) {
  if (digits.size() < 2 || digits[0] != '0') return {0, 10};
  switch (digits[1]) {
    case 'x':
    case 'X':
      return {2, 16};
    case 'b':
    case 'B':
      return {2, 2};
    case 'o':
    case 'O':
      return {2, 8};
    default:
      return {1, 8};
  }
}

std::optional<std::int64_t> parse_integer(std::string_view scalar) {
  const std::string text = without_underscores(scalar);
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const auto radix = radix_of(digits);
  digits.remove_prefix(radix.prefix);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, radix.base);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value > kMax + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

bool is_float_text(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto digits = [&text] {
    std::size_t count = 0;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
      text.remove_prefix(1);
      ++count;
    }
    return count;
  };
  auto mantissa = digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    mantissa += digits();
  }
  if (mantissa == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return digits() > 0 && text.empty();
}

std::optional<double> parse_float(std::string_view scalar) {
  const std::string text = without_underscores(scalar);
  if (!is_float_text(text)) return std::nullopt;
  const auto* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const Member* Node::find_member(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [key](const Member& member) { return member.key == key; });
  return found == members.end() || found->value.is_null() ? nullptr : &*found;
}

const Node* Node::find(std::string_view key) const {
  const auto* member = find_member(key);
  return member ? &member->value : nullptr;
}

const Node* Node::find_path(std::initializer_list<std::string_view> keys) const {
  const Node* node = this;
  for (const auto key : keys) {
    node = node->find(key);
    if (!node) return nullptr;
  }
  return node;
}

std::string Node::text_of(std::string_view key) const {
  const auto* node = find(key);
  return node && node->is_scalar() ? node->scalar : std::string();
}

ScalarType scalar_type(const Node& node) {
  if (node.is_null()) return ScalarType::kNull;
  if (!node.plain) return ScalarType::kString;
  if (is_one_of(node.scalar, kNullWords)) return ScalarType::kNull;
  if (as_boolean(node)) return ScalarType::kBoolean;
  if (parse_integer(node.scalar)) return ScalarType::kInteger;
  if (is_float_text(without_underscores(node.scalar))) return ScalarType::kFloat;
  return ScalarType::kString;
}

std::optional<bool> as_boolean(const Node& node) {
  if (!node.is_scalar() || !node.plain) return std::nullopt;
  if (is_one_of(node.scalar, kTrueWords)) return true;
  if (is_one_of(node.scalar, kFalseWords)) return false;
  return std::nullopt;
}

std::optional<std::int64_t> as_integer(const Node& node) {
  if (!node.is_scalar() || !node.plain) return std::nullopt;
  if (const auto integer = parse_integer(node.scalar)) return integer;
  // Kubernetes turns YAML into JSON first, where 3.0 is written as 3.
  constexpr double kExact = 9007199254740992.0;
  const auto number = parse_float(node.scalar);
  if (!number || *number != std::floor(*number) || std::fabs(*number) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<double> as_float(const Node& node) {
  if (!node.is_scalar() || !node.plain) return std::nullopt;
  return parse_float(node.scalar);
}

}  // namespace orchestrator::manifest
