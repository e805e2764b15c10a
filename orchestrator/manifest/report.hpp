// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "orchestrator/manifest/diagnostic.hpp"
#include "orchestrator/manifest/source_text.hpp"

namespace orchestrator::manifest {

/// Collects what is wrong with one file, each thing once, and quotes its lines at the end, when it
/// is known which of them belong to Secrets.
class Report {
 public:
  Report(const SourceText& source, std::string file) : source_(source), file_(std::move(file)) {}

  /// What a complaint is about.
  struct Place {
    Position position;
    std::size_t length = 1;  ///< Code points to underline.
    std::string path;
  };
  void error(Place place, std::string message, std::string hint = "");
  void warning(Place place, std::string message, std::string hint = "");

  /// Never quotes lines `first` to `last`.
  void hide_lines(std::size_t first, std::size_t last) { hidden_.emplace_back(first, last); }

  [[nodiscard]] bool has_errors() const;
  /// All of it, sorted by position. Call once, last.
  std::vector<Diagnostic> finish();

 private:
  void add(Severity severity, Place place, std::string message, std::string hint);
  void quote(Diagnostic& diagnostic) const;

  const SourceText& source_;
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
  std::vector<std::pair<std::size_t, std::size_t>> hidden_;
};

/// The place of a whole key.
Report::Place place_of(const Member& member, std::string path);
/// The place of a value; a scalar is underlined whole.
Report::Place place_of(const Node& node, std::string path);

}  // namespace orchestrator::manifest
