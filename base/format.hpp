// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

/// "812 B", "1.4 MiB", "3.0 GiB": binary units, one decimal from KiB on.
std::string format_bytes(std::uint64_t bytes);

/// "0.4 s", "12.3 s", "2 min 05 s", "1 h 02 min".
std::string format_duration(std::chrono::milliseconds duration);

/// `text` with control characters (but not newline) and what is not UTF-8 escaped as \xNN, so that
/// foreign text cannot steer a terminal or break a JSON log. Other UTF-8 passes.
std::string printable(std::string_view text);

/// Characters to insert, remove, change or swap with their neighbour; case does not count.
std::size_t edit_distance(std::string_view left, std::string_view right);

/// The candidate nearest to `word` by edit distance, or empty when none is near enough to be meant.
/// `Candidates` is a range of things convertible to string_view.
template <typename Candidates>
std::string nearest(std::string_view word, const Candidates& candidates) {
  std::string best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (std::string_view candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace base
