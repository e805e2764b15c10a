// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/blanks.hpp"

#include <algorithm>

namespace stages::dockerfile {

std::string_view trimmed_left(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text;
}

std::string_view trimmed(std::string_view text) {
  text = trimmed_left(text);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::vector<std::string> split_at_blanks(std::string_view text) {
  std::vector<std::string> parts;
  for (text = trimmed_left(text); !text.empty(); text = trimmed_left(text)) {
    const auto part = text.substr(0, text.find_first_of(kBlanks));
    parts.emplace_back(part);
    text.remove_prefix(part.size());
  }
  return parts;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string upper_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

}  // namespace stages::dockerfile
