// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/yaml_text.hpp"

#include <algorithm>

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kIndent = 2;

bool is_plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '/' || c == '_' || c == '-';
}

/// Words that YAML 1.1 reads as booleans or null, in lower case.
bool is_reserved_word(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto* word : {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"}) {
    if (text == word) return true;
  }
  return false;
}

std::string scalar(const Object& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  // What begins with a letter or a slash is no number, date or indicator.
  const bool starts_plainly = !text.empty() && is_plain_character(text[0]) &&
                              (text[0] < '0' || text[0] > '9') && text[0] != '-' &&
                              text[0] != '.' && text[0] != '_';
  const bool plain = starts_plainly && std::all_of(text.begin(), text.end(), is_plain_character) &&
                     !is_reserved_word(text);
  return plain ? text : value.dump();  // A JSON string is a YAML double-quoted one.
}

void write(const Object& value, std::size_t indent, bool in_list, std::string& text);

/// After "key:" or "-".
void write_value(const Object& value, std::size_t indent, bool in_list, std::string& text) {
  if (value.is_structured() && !value.empty()) {
    if (in_list) {
      text += ' ';
    } else {
      text += '\n';
    }
    write(value, indent, in_list, text);
    return;
  }
  if (value.is_object()) {
    text += " {}\n";
  } else if (value.is_array()) {
    text += " []\n";
  } else {
    text += ' ' + scalar(value) + '\n';
  }
}

/// `in_list`: the first line stands after a dash already.
void write(const Object& value, std::size_t indent, bool in_list, std::string& text) {
  bool first = in_list;
  const auto begin_line = [&] {
    if (!std::exchange(first, false)) text.append(indent, ' ');
  };
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      begin_line();
      text += scalar(Object(key)) + ':';
      write_value(member, indent + kIndent, false, text);
    }
    return;
  }
  for (const auto& item : value) {
    begin_line();
    text += '-';
    write_value(item, indent + kIndent, true, text);
  }
}

}  // namespace

std::string to_yaml(const Object& value) {
  std::string text;
  if (value.is_structured() && !value.empty()) {
    write(value, 0, false, text);
  } else {
    write_value(value, 0, false, text);
    text.erase(0, 1);
  }
  return text;
}

}  // namespace orchestrator::kubernetes
