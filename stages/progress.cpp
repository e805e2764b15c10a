// SPDX-License-Identifier: Apache-2.0
#include "stages/progress.hpp"

#include <charconv>

namespace stages {

std::optional<double> progress_in(std::string_view line) {
  const auto percent = line.find('%');
  if (percent == std::string_view::npos) return std::nullopt;
  // mksquashfs ends with a summary: "83.39% of uncompressed filesystem size".
  if (line.substr(percent + 1).starts_with(" of ")) return std::nullopt;
  const auto before = line.substr(0, percent);
  const auto gap = before.find_last_not_of("0123456789.");
  const auto number = gap == std::string_view::npos ? before : before.substr(gap + 1);
  double value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec != std::errc() || value > 100) return std::nullopt;
  return value / 100;
}

}  // namespace stages
