// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/format.hpp"
#include "stages/dockerfile/arguments.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

struct Unit {
  std::string_view name;
  double nanoseconds;
};
// Longer names first: "ms" is not "m".
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1e3},
                                         {"\xc2\xb5s", 1e3},
                                         {"\xce\xbcs", 1e3},
                                         {"ms", 1e6},
                                         {"s", 1e9},
                                         {"m", 6e10},
                                         {"h", 3.6e12}}};

/// "1m30s", "1.5h", "300ms". Source: Go, time.ParseDuration.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
    double amount = 0;
    const auto* const end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, amount);
    if (error != std::errc() || at != end) return std::nullopt;
    text.remove_prefix(digits.size());
    const Unit* unit = nullptr;
    for (const auto& one : kUnits) {
      if (unit == nullptr && text.starts_with(one.name)) unit = &one;
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    total += amount * unit->nanoseconds;
  }
  if (total > 9.2e18) return std::nullopt;
  return std::chrono::nanoseconds(std::llround(negative ? -total : total));
}

std::chrono::nanoseconds interval(const Instruction& instruction, std::string_view flag) {
  using std::chrono::nanoseconds;
  const auto text = instruction.value(flag);
  if (text.empty()) return nanoseconds(0);
  const auto parsed = parse_duration(text);
  if (!parsed) {
    throw instruction_error(
        instruction, fmt::format("invalid duration \"{}\" of --{}", base::printable(text), flag),
        "write it as 30s, 1m30s or 500ms");
  }
  if (*parsed != nanoseconds(0) && *parsed < std::chrono::milliseconds(1)) {
    throw instruction_error(instruction,
                            fmt::format("Interval \"{}\" cannot be less than 1ms", flag));
  }
  return *parsed;
}

int retries(const Instruction& instruction) {
  const auto text = instruction.value("retries");
  if (text.empty()) return 0;
  int count = 0;
  const auto* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || at != end) {
    throw instruction_error(
        instruction, fmt::format("invalid number \"{}\" of --retries", base::printable(text)));
  }
  if (count < 0) {
    throw instruction_error(instruction, fmt::format("--retries cannot be negative ({})", count));
  }
  return count;
}

}  // namespace

Healthcheck healthcheck_arguments(const Instruction& instruction) {
  const auto& words = instruction.words;
  const auto kind = words.empty() ? "" : upper_case(words.front());
  if (kind == "NONE") {
    if (words.size() > 1) {
      throw instruction_error(instruction, "HEALTHCHECK NONE takes no arguments");
    }
    return {.test = {"NONE"}};
  }
  if (kind != "CMD") {
    throw instruction_error(
        instruction, fmt::format("Unknown type \"{}\" in HEALTHCHECK", base::printable(kind)),
        "write HEALTHCHECK CMD command, or HEALTHCHECK NONE");
  }
  if (words.size() < 2) {
    throw instruction_error(instruction, "Missing command after HEALTHCHECK CMD");
  }
  Healthcheck check{.test = words,
                    .interval = interval(instruction, "interval"),
                    .timeout = interval(instruction, "timeout"),
                    .start_period = interval(instruction, "start-period"),
                    .start_interval = interval(instruction, "start-interval"),
                    .retries = retries(instruction)};
  check.test.front() = instruction.exec_form ? "CMD" : "CMD-SHELL";
  return check;
}

}  // namespace stages::dockerfile
