// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace orchestrator::kubernetes {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};

constexpr std::array<Suffix, 16> kSuffixes = {{{"", 1},
                                               {"n", 1e-9},
                                               {"u", 1e-6},
                                               {"m", 1e-3},
                                               {"k", 1e3},
                                               {"M", 1e6},
                                               {"G", 1e9},
                                               {"T", 1e12},
                                               {"P", 1e15},
                                               {"E", 1e18},
                                               {"Ki", 0x1p10},
                                               {"Mi", 0x1p20},
                                               {"Gi", 0x1p30},
                                               {"Ti", 0x1p40},
                                               {"Pi", 0x1p50},
                                               {"Ei", 0x1p60}}};

}  // namespace

std::optional<std::int64_t> parse_quantity(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& suffix : kSuffixes) {
    if (rest != suffix.text) continue;
    const double thousandths = std::ceil(number * suffix.factor * 1000);
    if (!(std::abs(thousandths) < 0x1p63)) return std::nullopt;
    return static_cast<std::int64_t>(thousandths);
  }
  return std::nullopt;
}

std::string format_quantity(std::int64_t thousandths) {
  return thousandths % 1000 == 0 ? std::to_string(thousandths / 1000)
                                 : fmt::format("{}m", thousandths);
}

}  // namespace orchestrator::kubernetes
