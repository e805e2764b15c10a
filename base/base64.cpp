// SPDX-License-Identifier: Apache-2.0
#include "base/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace base {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<std::uint32_t> value_of(char c) {
  if (c == '-') c = '+';
  if (c == '_') c = '/';
  const auto index = kAlphabet.find(c);
  if (index == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint32_t>(index);
}

}  // namespace

std::string base64_encode(std::string_view data) {
  std::string result;
  result.reserve((data.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < data.size(); i += 3) {
    std::uint32_t bits = 0;
    const auto count = std::min<std::size_t>(3, data.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8 | (k < count ? static_cast<unsigned char>(data[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      result += k <= count ? kAlphabet[bits >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return result;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string result;
  result.reserve(text.size() / 4 * 3 + 3);  // No reallocation: it would leave a copy behind.
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const auto value = value_of(c);
    if (!value || padding > 0) return std::nullopt;
    ++digits;
    bits = (bits << 6 | *value) & 0xFFFFU;
    held += 6;
    if (held >= 8) {
      held -= 8;
      result += static_cast<char>(static_cast<unsigned char>(bits >> held & 0xFFU));
    }
  }
  const bool whole = digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0);
  if (!whole || padding > 2) return std::nullopt;
  return result;
}

std::optional<std::string> base64_decode_strict(std::string_view text) {
  const auto line_ends =
      std::count_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; });
  if (text.find_first_of("-_") != std::string_view::npos) return std::nullopt;
  if ((text.size() - static_cast<std::size_t>(line_ends)) % 4 != 0) return std::nullopt;
  return base64_decode(text);
}

}  // namespace base
