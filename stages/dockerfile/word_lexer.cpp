// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/word_lexer.hpp"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "base/error.hpp"
#include "base/format.hpp"
#include "stages/dockerfile/blanks.hpp"
#include "stages/dockerfile/shell_pattern.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kMaxBytes = 16U << 20;
constexpr int kMaxDepth = 64;
constexpr std::size_t kQuotedBytes = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Gathers words while their characters come.
class WordList {
 public:
  void add(char c) {
    if (is_blank(c)) {
      end_word();
    } else {
      word_ += c;
    }
  }
  void add_raw(char c) { word_ += c; }
  void add_raw(std::string_view text) { word_ += text; }
  void add(std::string_view text) {
    for (const char c : text) add(c);
  }
  std::vector<std::string> finish() {
    end_word();
    return std::move(words_);
  }

 private:
  void end_word() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    word_.clear();
  }

  std::string word_;
  std::vector<std::string> words_;
};

class Lexer {
 public:
  Lexer(std::string_view text, const Variables& variables, const LexOptions& options)
      : text_(text), variables_(variables), options_(options) {}

  LexedText run() { return until(std::nullopt, "", options_.keep_escapes); }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("failed to process \"{}\": {}",
                                           base::printable(text_.substr(0, kQuotedBytes)), why),
                       .why = "",
                       .hint = ""});
  }

  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  [[nodiscard]] bool next_is(char c) const { return !at_end() && text_[at_] == c; }

  /// Reads to the end, or past `stop`. A text that ends before `stop` fails with `missing`.
  LexedText until(std::optional<char> stop, const char* missing, bool keep_escapes) {
    if (++depth_ > kMaxDepth) fail("it is nested too deeply");
    const bool outer_keep_escapes = std::exchange(keep_escapes_, keep_escapes);
    std::string result;
    WordList words;
    bool stopped = false;
    while (!at_end() && !stopped) {
      const char c = text_[at_];
      if (stop && c == *stop) {
        ++at_;
        stopped = true;
      } else if (c == '$') {
        const auto value = dollar();
        result += value;
        words.add(value);
      } else if (c == '<' || (!options_.plain_quotes && (c == '\'' || c == '"'))) {
        const auto value = c == '<' ? less_than() : c == '"' ? double_quoted() : single_quoted();
        result += value;
        words.add_raw(value);
      } else if (c == options_.escape) {
        escaped(result, words);
      } else {
        ++at_;
        words.add(c);
        result += c;
      }
      check_size(result);
    }
    if (stop && !stopped) fail(fmt::format("syntax error: missing {}", missing));
    --depth_;
    keep_escapes_ = outer_keep_escapes;
    return {.text = std::move(result), .words = words.finish()};
  }

  void check_size(const std::string& result) const {
    if (result.size() > kMaxBytes) fail("the result is longer than 16 MiB");
  }

  void escaped(std::string& result, WordList& words) {
    const char escape = text_[at_++];
    if (keep_escapes_) {
      words.add_raw(escape);
      result += escape;
    }
    if (at_end()) return;
    words.add_raw(text_[at_]);
    result += text_[at_++];
  }

  std::string single_quoted() {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) {
      fail("unexpected end of statement while looking for matching single-quote");
    }
    auto quoted = text_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    if (!options_.keep_quotes) quoted = quoted.substr(1, quoted.size() - 2);
    return std::string(quoted);
  }

  std::string double_quoted() {
    std::string result;
    ++at_;
    if (options_.keep_quotes) result += '"';
    while (!next_is('"')) {
      if (at_end()) fail("unexpected end of statement while looking for matching double-quote");
      const char c = text_[at_];
      if (c == '$') {
        result += dollar();
        check_size(result);
        continue;
      }
      ++at_;
      if (c != options_.escape) {
        result += c;
        continue;
      }
      // Only these can be escaped in double quotes; any other escape is itself.
      const bool escapes = next_is('"') || next_is('$') || next_is(options_.escape);
      if (keep_escapes_ || (!escapes && !at_end())) result += c;
      if (escapes) result += text_[at_++];
    }
    ++at_;
    if (options_.keep_quotes) result += '"';
    return result;
  }

  /// `<<` and the blanks after it stay together: `<< EOF` is one word.
  std::string less_than() {
    ++at_;
    if (!next_is('<')) return "<";
    const auto start = at_ - 1;
    ++at_;
    while (next_is(' ') || next_is('\t') || next_is('\r')) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  std::string name() {
    const auto start = at_;
    if (at_end()) return {};
    if (is_digit(text_[at_])) {
      while (!at_end() && is_digit(text_[at_])) ++at_;
    } else if (std::string_view("@*#?-$!").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    } else {
      while (!at_end() && is_name(text_[at_])) ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::string dollar() {
    const auto start = at_++;
    if (!next_is('{')) {
      const auto variable = name();
      if (variable.empty()) return "$";
      return value_or_source(variable, start);
    }
    ++at_;
    if (at_end()) fail("syntax error: missing '}'");
    if (next_is('{') || next_is('}') || next_is(':')) fail("syntax error: bad substitution");
    const auto variable = name();
    if (at_end()) fail("syntax error: missing '}'");
    const char modifier = text_[at_++];
    switch (modifier) {
      case '}':
        return value_or_source(variable, start);
      case ':':
      case '+':
      case '-':
      case '?':
        return alternative(variable, modifier, start);
      case '#':
      case '%':
        return trimmed(variable, modifier, start);
      case '/':
        return replaced(variable, start);
      default:
        unsupported(std::string(1, modifier));
    }
  }

  [[noreturn]] void unsupported(std::string_view modifier) const {
    fail(fmt::format("unsupported modifier ({}) in substitution", base::printable(modifier)));
  }

  [[nodiscard]] std::string source_from(std::size_t start) const {
    return std::string(text_.substr(start, at_ - start));
  }

  [[nodiscard]] std::optional<std::string> value_of(const std::string& variable) const {
    auto value = variables_(variable);
    if (!value && options_.on_unset) options_.on_unset(variable);
    return value;
  }

  std::string value_or_source(const std::string& variable, std::size_t start) {
    auto value = value_of(variable);
    if (!value && options_.keep_unset) return source_from(start);
    return std::move(value).value_or("");
  }

  std::string alternative(const std::string& variable, char modifier, std::size_t start) {
    const bool empty_is_unset = modifier == ':';
    if (empty_is_unset) {
      if (at_end()) fail("syntax error: missing '}'");
      modifier = text_[at_++];
      if (std::string_view("+-?").find(modifier) == std::string_view::npos) {
        unsupported(std::string(":") + modifier);
      }
    }
    auto word = until('}', "'}'", false).text;
    auto value = variables_(variable);
    if (!value && options_.keep_unset) return source_from(start);
    const bool set = value && !(empty_is_unset && value->empty());
    if (modifier == '+') return set ? word : "";
    if (set) return std::move(*value);
    if (modifier == '-') return word;
    if (word.empty()) {
      word = value ? "is not allowed to be empty" : "is not allowed to be unset";
    }
    fail(fmt::format("{}: {}", variable, word));
  }

  std::string trimmed(const std::string& variable, char modifier, std::size_t start) {
    auto pattern = until('}', "'}'", true).text;
    const auto value = value_of(variable);
    if (!value && options_.keep_unset) return source_from(start);
    const bool longest = !pattern.empty() && pattern.front() == modifier;
    if (longest) pattern.erase(0, 1);
    const auto compiled = compile(pattern);
    return modifier == '#' ? compiled.without_prefix(value.value_or(""), longest)
                           : compiled.without_suffix(value.value_or(""), longest);
  }

  std::string replaced(const std::string& variable, std::size_t start) {
    const bool all = next_is('/');
    if (all) ++at_;
    const auto pattern = until('/', "'/' in ${}", true).text;
    const auto replacement = until('}', "'}'", true).text;
    const auto value = value_of(variable);
    if (!value && options_.keep_unset) return source_from(start);
    auto result = compile(pattern).replaced(value.value_or(""), replacement, all);
    check_size(result);
    return result;
  }

  [[nodiscard]] ShellPattern compile(const std::string& pattern) const {
    try {
      return ShellPattern(pattern);
    } catch (const std::invalid_argument& problem) {
      fail(fmt::format("invalid pattern ({}) in substitution: {}", base::printable(pattern),
                       problem.what()));
    }
  }

  std::string_view text_;
  const Variables& variables_;
  const LexOptions& options_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool keep_escapes_ = false;
};

}  // namespace

LexedText lex_words(std::string_view text, const Variables& variables, const LexOptions& options) {
  return Lexer(text, variables, options).run();
}

}  // namespace stages::dockerfile
