// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/file_mode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "base/format.hpp"

namespace stages::dockerfile {
namespace {

constexpr mode_t kUser = 04700;
constexpr mode_t kGroup = 02070;
constexpr mode_t kOthers = 01007;
constexpr mode_t kAll = 07777;

[[noreturn]] void refuse(std::string_view text) {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = fmt::format("invalid chmod parameter: '{}'", base::printable(text)),
                     .why = "",
                     .hint = "it is octal, between 0 and 07777, or symbolic as u=rwX,go=rX"});
}

mode_t triple(mode_t bits) { return bits | (bits << 3U) | (bits << 6U); }

}  // namespace

ModeChange::ModeChange(std::string_view text) {
  if (text.empty()) refuse(text);
  const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
  if (digits) {
    unsigned number = 0;
    const auto* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number, 8);
    if (error != std::errc() || at != end || number > kAll) refuse(text);
    number_ = static_cast<mode_t>(number);
    return;
  }
  auto rest = text;
  while (true) {
    const auto clause = rest.substr(0, rest.find(','));
    read_clause(clause, text);
    if (clause.size() == rest.size()) return;
    rest.remove_prefix(clause.size() + 1);
  }
}

void ModeChange::read_clause(std::string_view clause, std::string_view whole) {
  const auto who_end = std::min(clause.find_first_not_of("ugoa"), clause.size());
  mode_t who = 0;
  for (const char c : clause.substr(0, who_end)) {
    who |= c == 'u' ? kUser : c == 'g' ? kGroup : c == 'o' ? kOthers : kAll;
  }
  if (who == 0) who = kAll;
  clause.remove_prefix(who_end);
  if (clause.empty()) refuse(whole);
  while (!clause.empty()) {
    Step step{
        .who = who, .operation = clause.front(), .bits = 0, .x_if_any = false, .copied_from = '\0'};
    if (std::string_view("+-=").find(step.operation) == std::string_view::npos) refuse(whole);
    clause.remove_prefix(1);
    const auto end = std::min(clause.find_first_of("+-="), clause.size());
    for (const char c : clause.substr(0, end)) {
      const bool copies = c == 'u' || c == 'g' || c == 'o';
      if (copies && end == 1) {
        step.copied_from = c;
        continue;
      }
      switch (c) {
        case 'r':
          step.bits |= triple(4);
          break;
        case 'w':
          step.bits |= triple(2);
          break;
        case 'x':
          step.bits |= triple(1);
          break;
        case 'X':
          step.x_if_any = true;
          break;
        case 's':
          step.bits |= 06000;
          break;
        case 't':
          step.bits |= 01000;
          break;
        default:
          refuse(whole);
      }
    }
    clause.remove_prefix(end);
    steps_.push_back(step);
  }
}

mode_t ModeChange::apply(mode_t mode, bool is_folder) const {
  if (number_) return *number_;
  for (const auto& step : steps_) {
    auto bits = step.bits;
    if (step.x_if_any && (is_folder || (mode & 0111U) != 0)) bits |= triple(1);
    if (step.copied_from == 'u') bits |= triple((mode >> 6U) & 7U);
    if (step.copied_from == 'g') bits |= triple((mode >> 3U) & 7U);
    if (step.copied_from == 'o') bits |= triple(mode & 7U);
    bits &= step.who;
    if (step.operation == '+') mode |= bits;
    if (step.operation == '-') mode &= ~bits;
    if (step.operation == '=') mode = (mode & ~step.who) | bits;
  }
  return mode & kAll;
}

}  // namespace stages::dockerfile
