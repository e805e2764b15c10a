// SPDX-License-Identifier: Apache-2.0
#include "auth/challenge.hpp"

#include <algorithm>
#include <cctype>

namespace auth {
namespace {

constexpr std::size_t kMaxHeaderBytes = 16384;

bool is_token_char(char c) {
  constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         kSymbols.find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// Walks over a header's text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool done() const { return rest_.empty(); }
  [[nodiscard]] bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  void skip() { rest_.remove_prefix(1); }
  void skip_blanks() { skip_any(" \t"); }
  void skip_separators() { skip_any(" \t,;"); }

  std::string_view token() {
    return take([](char c) { return is_token_char(c); });
  }
  /// A value without quotes ends at a blank or comma: URLs are often sent so.
  std::string bare_value() {
    return std::string(take([](char c) { return c != ' ' && c != '\t' && c != ',' && c != '"'; }));
  }
  std::string quoted_value() {
    skip();
    std::string value;
    while (!done() && !at('"')) {
      if (at('\\') && rest_.size() > 1) skip();
      value += rest_.front();
      skip();
    }
    if (!done()) skip();
    return value;
  }

 private:
  void skip_any(std::string_view set) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(set), rest_.size()));
  }
  template <typename Wanted>
  std::string_view take(Wanted wanted) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), wanted);
    const auto length = static_cast<std::size_t>(end - rest_.begin());
    const auto taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }

  std::string_view rest_;
};

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? "" : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Cursor cursor(header.substr(0, kMaxHeaderBytes));
  while (true) {
    cursor.skip_separators();
    if (cursor.done()) return challenges;
    const auto name = cursor.token();
    if (name.empty()) {
      cursor.skip();
      continue;
    }
    cursor.skip_blanks();
    if (!cursor.at('=')) {
      challenges.push_back({.scheme = lower(name), .parameters = {}});
      continue;
    }
    cursor.skip();
    cursor.skip_blanks();
    auto value = cursor.at('"') ? cursor.quoted_value() : cursor.bare_value();
    if (!challenges.empty()) {
      challenges.back().parameters.emplace(lower(name), std::move(value));  // The first one counts.
    }
  }
}

}  // namespace auth
