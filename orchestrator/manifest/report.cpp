// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/report.hpp"

#include <algorithm>
#include <tuple>

namespace orchestrator::manifest {
namespace {

constexpr std::size_t kLongestQuote = 160;  // Code points of a line that are shown.
constexpr std::size_t kBeforeCaret = 60;    // Of those, before the position, in a longer line.
constexpr std::string_view kHidden = "<hidden: this line belongs to a Secret>";

}  // namespace

void Report::error(Place place, std::string message, std::string hint) {
  add(Severity::kError, std::move(place), std::move(message), std::move(hint));
}

void Report::warning(Place place, std::string message, std::string hint) {
  add(Severity::kWarning, std::move(place), std::move(message), std::move(hint));
}

void Report::add(Severity severity, Place place, std::string message, std::string hint) {
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.file = file_;
  diagnostic.position = place.position;
  diagnostic.length = std::max<std::size_t>(place.length, 1);
  diagnostic.path = std::move(place.path);
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  diagnostics_.push_back(std::move(diagnostic));
}

bool Report::has_errors() const {
  return std::any_of(diagnostics_.begin(), diagnostics_.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::kError; });
}

std::vector<Diagnostic> Report::finish() {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.position.line, d.position.column, d.message);
  };
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const auto& left, const auto& right) { return key(left) < key(right); });
  const auto same = [&](const auto& left, const auto& right) { return key(left) == key(right); };
  diagnostics_.erase(std::unique(diagnostics_.begin(), diagnostics_.end(), same),
                     diagnostics_.end());
  for (auto& diagnostic : diagnostics_) quote(diagnostic);
  return std::move(diagnostics_);
}

void Report::quote(Diagnostic& diagnostic) const {
  const auto number = diagnostic.position.line;
  const bool hidden = std::any_of(hidden_.begin(), hidden_.end(), [number](const auto& range) {
    return range.first <= number && number <= range.second;
  });
  if (hidden) {
    diagnostic.source_line = kHidden;
    diagnostic.length = 1;
    return;
  }
  const auto line = source_.line(number);
  const auto length = code_points(line);
  const auto column = std::min(diagnostic.position.column - 1, length);
  const auto first = length > kLongestQuote && column > kBeforeCaret ? column - kBeforeCaret : 0;
  diagnostic.source_line = code_point_range(line, first, kLongestQuote);
  std::replace(diagnostic.source_line.begin(), diagnostic.source_line.end(), '\t', ' ');
  diagnostic.caret = column - first;
  const auto shown = code_points(diagnostic.source_line);
  const auto room = shown > diagnostic.caret ? shown - diagnostic.caret : 1;
  diagnostic.length = std::min(diagnostic.length, room);
}

Report::Place place_of(const Member& member, std::string path) {
  return {member.key_position, code_points(member.key), std::move(path)};
}

Report::Place place_of(const Node& node, std::string path) {
  return {node.position, node.is_scalar() ? code_points(node.scalar) : 1, std::move(path)};
}

}  // namespace orchestrator::manifest
