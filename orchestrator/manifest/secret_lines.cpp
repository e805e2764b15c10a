// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/secret_lines.hpp"

#include <algorithm>
#include <cctype>

namespace orchestrator::manifest {
namespace {

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

bool has_word(std::string_view line, std::string_view word) {
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool begins = at == 0 || !is_word_character(line[at - 1]);
    if (begins && (end == line.size() || !is_word_character(line[end]))) return true;
  }
  return false;
}

bool is_marker(std::string_view line) { return line.starts_with("---"); }

/// First and last line of the document around line `number`, by its --- lines.
std::pair<std::size_t, std::size_t> document_around(const SourceText& source, std::size_t number) {
  auto first = std::min(number, source.line_count());
  while (first > 1 && !is_marker(source.line(first))) --first;
  auto last = first;
  while (last < source.line_count() && !is_marker(source.line(last + 1))) ++last;
  return {first, std::max(last, number)};
}

/// The last line that a value may reach: up to the next key of the same object, or the end of the
/// text, where the object is the last thing that is known.
std::size_t end_of(const Node& object, const Member& member, std::size_t limit) {
  auto last = limit;
  for (const auto& other : object.members) {
    const auto line = other.key_position.line;
    if (line > member.key_position.line) last = std::min(last, line - 1);
  }
  return last;
}

/// metadata is not harmless: kubectl keeps a copy of all of a Secret in an annotation.
bool is_harmless(std::string_view key) {
  return key == "apiVersion" || key == "kind" || key == "type" || key == "immutable" ||
         key == "items";
}

void hide_in(const Node& object, std::size_t limit, Report& report) {
  const auto kind = object.text_of("kind");
  if (kind == "OSArtifact" || kind == "NodeOp" || kind == "NodeOpUpgrade" || kind == "ConfigMap") {
    return;
  }
  for (const auto& member : object.members) {
    if (is_harmless(member.key)) continue;
    report.hide_lines(member.key_position.line, end_of(object, member, limit));
  }
  if (const auto* items = object.find("items")) {
    for (const auto& item : items->items) hide_in(item, limit, report);
  }
}

}  // namespace

void hide_secret_lines(const SourceText& source, const ParsedYaml& parsed, Report& report) {
  for (const auto& document : parsed.documents) {
    const auto last = document_around(source, document.position.line).second;
    hide_in(document, std::max(last, document.position.line), report);
  }
  if (!parsed.fatal) return;
  const auto [first, last] = document_around(source, parsed.fatal->position.line);
  for (auto line = first; line <= last; ++line) {
    const auto text = source.line(line);
    if (!has_word(text, "Secret") && !has_word(text, "stringData")) continue;
    report.hide_lines(first, last);
    return;
  }
}

}  // namespace orchestrator::manifest
