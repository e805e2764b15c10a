// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/error.hpp"
#include "oci/reference.hpp"

namespace orchestrator::manifest {
namespace {

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

/// Takes digits with at most one point from the front of `text`; false when there is no digit.
bool take_decimal(std::string_view& text) {
  bool digits = false;
  bool point = false;
  while (!text.empty() && (is_digit(text[0]) || (text[0] == '.' && !point))) {
    (text[0] == '.' ? point : digits) = true;
    text.remove_prefix(1);
  }
  return digits;
}

void take_sign(std::string_view& text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
}

}  // namespace

bool is_artifact_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && is_lower_alnum(text.front()) &&
         is_lower_alnum(text.back()) && std::all_of(text.begin(), text.end(), [](char c) {
           return is_lower_alnum(c) || c == '-';
         });
}

bool is_dns_label(std::string_view text) {
  return text.size() <= kMaxLabelBytes && is_artifact_name(text);
}

bool is_dns_subdomain(std::string_view text) {
  if (text.size() > kMaxNameBytes) return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_artifact_name(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_quantity(std::string_view text) {
  constexpr std::array<std::string_view, 14> kSuffixes = {"",  "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
                                                          "n", "u",  "m",  "k",  "M",  "G",  "T"};
  take_sign(text);
  if (!take_decimal(text)) return false;
  if (text == "P" || text == "E") return true;
  if (std::find(kSuffixes.begin(), kSuffixes.end(), text) != kSuffixes.end()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  take_sign(text);
  return take_decimal(text) && text.empty();
}

std::optional<std::string> reference_problem(std::string_view text) {
  try {
    static_cast<void>(oci::Reference::parse(text));
    return std::nullopt;
  } catch (const base::Error& error) {
    return fmt::format("{}: {}", error.facts().what, error.facts().why);
  }
}

bool is_disk_size(std::string_view text) {
  constexpr std::uint64_t kMaxMebibytes = 1ULL << 30;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 &&
         value <= kMaxMebibytes;
}

}  // namespace orchestrator::manifest
