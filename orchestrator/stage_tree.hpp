// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/event.hpp"

namespace orchestrator {

/// The stages of a build as a tree, each below the one whose result it waits for last, with what is
/// done of each: what a live view draws. Stages that nobody planned stand alone while they run.
class StageTree {
 public:
  using Clock = std::chrono::steady_clock;

  enum class State { kWaiting, kRunning, kDone, kCached, kFailed };

  /// A line to be drawn, without a colour.
  struct Line {
    std::string text;  ///< UTF-8; at most the columns asked for.
    State state = State::kWaiting;
  };

  /// How to draw.
  struct Shape {
    std::size_t columns = 80;  ///< Of a line.
    std::size_t lines = 0;     ///< At most; then what moves comes first. 0: no limit.
    bool ascii = false;        ///< No characters beyond ASCII.
  };

  void take(const Event& event, Clock::time_point now);

  /// Lines of all planned stages and those that run.
  [[nodiscard]] std::vector<Line> draw(const Shape& shape, Clock::time_point now) const;

  /// Whether a line changes with time alone.
  [[nodiscard]] bool moves() const;

  /// Forgets stages that nobody planned.
  void drop_unplanned();

 private:
  struct Row {
    std::string artifact;
    std::string stage;
    std::string parent;  ///< Key of another row of this artifact; empty: at the top.
    bool planned = false;
    State state = State::kWaiting;
    Clock::time_point started;
    std::chrono::milliseconds elapsed{0};
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    double rate = 0;  ///< Bytes per second, smoothed, so that the time left does not jump.
    std::uint64_t rated = 0;
    Clock::time_point rated_at;
  };

  struct Drawn {
    const Row* row;
    std::string prefix;  ///< What connects it with the one above.
  };

  Row& row_of(const Event& event);
  static void progress(Row& row, const Event& event, Clock::time_point now);
  [[nodiscard]] std::string heading(const std::string& artifact, Clock::time_point now) const;
  void collect(const std::string& artifact, const std::string& parent, const std::string& prefix,
               const Shape& shape, std::vector<Drawn>& drawn) const;
  static std::string status(const Row& row, std::size_t room, Clock::time_point now);

  std::vector<Row> rows_;
};

/// Columns of `text` on a terminal, when no character of it is wider than one.
std::size_t columns_of(std::string_view text);

/// "12.0 MiB of 80.1 MiB, 4.2 MiB/s, 16.0 s left": what a bar says. `rate` in bytes per second.
std::string describe_transfer(std::uint64_t done, std::uint64_t total, double rate);

}  // namespace orchestrator
