// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/stage_tree.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.hpp"

namespace orchestrator {
namespace {

constexpr std::size_t kLeastBar = 12;  // Leaves room for the time left in 80 columns.
constexpr std::size_t kLongestBar = 40;
constexpr std::chrono::milliseconds kRateInterval{200};

/// The first `columns` columns of `text`.
std::string cut(std::string_view text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
    if (begins && count++ == columns) break;
  }
  return std::string(text.substr(0, at));
}

std::string bar(std::uint64_t done, std::uint64_t total, std::size_t width) {
  const auto share = static_cast<double>(done) / static_cast<double>(total);
  const auto count = std::min(static_cast<std::size_t>(share * static_cast<double>(width)), width);
  return fmt::format("[{}{}] ", std::string(count, '='), std::string(width - count, ' '));
}

std::chrono::milliseconds since(StageTree::Clock::time_point start,
                                StageTree::Clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - start);
}

}  // namespace

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char character) {
    return (static_cast<unsigned char>(character) & 0xC0U) != 0x80U;
  }));
}

StageTree::Row& StageTree::row_of(const Event& event) {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
    return row.artifact == event.artifact && row.stage == event.stage;
  });
  if (found != rows_.end()) return *found;
  auto& row = rows_.emplace_back();
  row.artifact = event.artifact;
  row.stage = event.stage;
  return row;
}

void StageTree::take(const Event& event, Clock::time_point now) {
  if (event.stage.empty() || event.kind == EventKind::kFact || event.kind == EventKind::kWarning) {
    return;
  }
  auto& row = row_of(event);
  switch (event.kind) {
    case EventKind::kPlanned:
      // The first time alone: a parent is always an earlier row then, and no row its own.
      if (!row.planned && event.after != event.stage) row.parent = event.after;
      row.planned = true;
      break;
    case EventKind::kStarted:
      row.state = State::kRunning;
      row.started = now;
      break;
    case EventKind::kProgress:
      progress(row, event, now);
      break;
    case EventKind::kFinished:
      row.state = State::kDone;
      row.elapsed = event.elapsed;
      break;
    case EventKind::kCached:
      row.state = State::kCached;
      break;
    case EventKind::kFailed:
      row.state = State::kFailed;
      row.elapsed = event.elapsed;
      break;
    case EventKind::kFact:
    case EventKind::kWarning:
      break;
  }
}

void StageTree::progress(Row& row, const Event& event, Clock::time_point now) {
  if (row.state != State::kRunning) {
    row.state = State::kRunning;
    row.started = row.rated_at = now;
  }
  row.done = event.done;
  row.total = event.total;
  if (row.rated_at == Clock::time_point()) row.rated_at = row.started;
  const std::chrono::duration<double> passed = now - row.rated_at;
  if (passed < kRateInterval) return;
  const auto current =
      static_cast<double>(row.done - std::min(row.done, row.rated)) / passed.count();
  row.rate = row.rate == 0 ? current : row.rate * 0.7 + current * 0.3;
  row.rated = row.done;
  row.rated_at = now;
}

bool StageTree::moves() const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return row.state == State::kRunning; });
}

void StageTree::drop_unplanned() {
  std::erase_if(rows_, [](const Row& row) { return !row.planned; });
}

std::string StageTree::heading(const std::string& artifact, Clock::time_point now) const {
  std::size_t all = 0;
  std::size_t ready = 0;
  auto first = now;
  for (const auto& row : rows_) {
    if (row.artifact != artifact) continue;
    ++all;
    if (row.state == State::kDone || row.state == State::kCached) ++ready;
    if (row.started != Clock::time_point()) first = std::min(first, row.started);
  }
  auto text = fmt::format("{}  {} of {} stages", artifact, ready, all);
  if (moves()) text += fmt::format(", {}", base::format_duration(since(first, now)));
  return text;
}

void StageTree::collect(const std::string& artifact, const std::string& parent,
                        const std::string& prefix, const Shape& shape,
                        std::vector<Drawn>& drawn) const {
  std::vector<const Row*> children;
  for (const auto& row : rows_) {
    if (row.artifact == artifact && row.parent == parent) children.push_back(&row);
  }
  for (const auto* row : children) {
    const bool last = row == children.back();
    const std::string_view branch =
        shape.ascii ? (last ? "`- " : "|- ") : (last ? "\u2514\u2500 " : "\u251c\u2500 ");
    const std::string_view below = last ? "   " : (shape.ascii ? "|  " : "\u2502  ");
    const bool top = artifact.empty() && parent.empty();
    drawn.push_back({.row = row, .prefix = top ? "" : prefix + std::string(branch)});
    collect(artifact, row->stage, top ? "" : prefix + std::string(below), shape, drawn);
  }
}

std::string StageTree::status(const Row& row, std::size_t room, Clock::time_point now) {
  switch (row.state) {
    case State::kWaiting:
      return "waits";
    case State::kCached:
      return "cached";
    case State::kDone:
      return fmt::format("done in {}", base::format_duration(row.elapsed));
    case State::kFailed:
      return fmt::format("failed after {}", base::format_duration(row.elapsed));
    case State::kRunning:
      break;
  }
  if (row.done == 0 && row.total == 0) return base::format_duration(since(row.started, now));
  const auto transfer = describe_transfer(row.done, row.total, row.rate);
  if (row.total == 0) return transfer;
  constexpr std::size_t kRoomForText = 50;
  const auto width = std::clamp(room - std::min(room, kRoomForText), kLeastBar, kLongestBar);
  return bar(row.done, row.total, width) + transfer;
}

std::vector<StageTree::Line> StageTree::draw(const Shape& shape, Clock::time_point now) const {
  std::vector<std::string> artifacts;
  for (const auto& row : rows_) {
    const auto known = std::find(artifacts.begin(), artifacts.end(), row.artifact);
    if (known == artifacts.end()) artifacts.push_back(row.artifact);
  }
  std::vector<Drawn> drawn;
  std::vector<std::size_t> headings;  ///< Before which of `drawn` one stands.
  std::size_t label_columns = 0;
  for (const auto& artifact : artifacts) {
    headings.push_back(drawn.size());
    collect(artifact, "", "", shape, drawn);
  }
  for (const auto& [row, prefix] : drawn) {
    label_columns = std::max(label_columns, columns_of(prefix) + row->stage.size());
  }
  std::vector<Line> lines;
  std::size_t next = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const auto& [row, prefix] = drawn[i];
    if (next < headings.size() && headings[next] == i) {
      const auto& artifact = artifacts[next++];
      if (!artifact.empty()) {
        lines.push_back(
            {.text = cut(heading(artifact, now), shape.columns), .state = State::kRunning});
      }
    }
    const auto padding = label_columns - columns_of(prefix) - row->stage.size() + 2;
    const auto room = shape.columns - std::min(shape.columns, label_columns + 2);
    lines.push_back(
        {.text = cut(prefix + row->stage + std::string(padding, ' ') + status(*row, room, now),
                     shape.columns),
         .state = row->state});
  }
  if (shape.lines == 0 || lines.size() <= shape.lines) return lines;
  std::erase_if(lines, [](const Line& line) {
    return line.state != State::kRunning && line.state != State::kFailed;
  });
  if (lines.size() > shape.lines) lines.resize(shape.lines);
  return lines;
}

std::string describe_transfer(std::uint64_t done, std::uint64_t total, double rate) {
  auto text = total == 0
                  ? base::format_bytes(done)
                  : fmt::format("{} of {}", base::format_bytes(done), base::format_bytes(total));
  if (rate < 1) return text;
  text += fmt::format(", {}/s", base::format_bytes(static_cast<std::uint64_t>(rate)));
  if (total <= done) return text;
  const auto left = static_cast<double>(total - done) / rate * 1000;
  return text + fmt::format(", {} left", base::format_duration(std::chrono::milliseconds(
                                             static_cast<std::int64_t>(left))));
}

}  // namespace orchestrator
