// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/token.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/templates/literal.hpp"
#include "orchestrator/templates/problem.hpp"

namespace orchestrator::templates {
namespace {

constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kCommentOpen = "/*";
constexpr std::string_view kCommentClose = "*/";
constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Letters of other alphabets are let in whole.
bool is_alphanumeric(char c) {
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : rest_(text) {}

  std::vector<Token> run() {
    while (!rest_.empty()) {
      take_text();
      if (!rest_.empty()) take_action();
    }
    add(Token::Kind::kEnd, "end of the template");
    return std::move(tokens_);
  }

 private:
  void add(Token::Kind kind, std::string_view text, Value constant = {}) {
    tokens_.push_back({kind, std::string(text), std::move(constant), line_});
  }

  /// Moves on by `bytes` and returns them.
  std::string_view take(std::size_t bytes) {
    const auto taken = rest_.substr(0, bytes);
    line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  /// "- " after an opening delimiter.
  bool trims_left() const { return rest_.size() > 1 && rest_[0] == '-' && is_blank(rest_[1]); }
  /// " -" before a closing delimiter, or nothing.
  bool trims_right() const {
    return rest_.size() > 3 && is_blank(rest_[0]) && rest_.substr(1).starts_with("-}}");
  }

  void take_text() {
    if (trim_next_) take(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
    trim_next_ = false;
    const auto end = std::min(rest_.find(kOpen), rest_.size());
    auto text = rest_.substr(0, end);
    const auto after = rest_.substr(end);
    if (after.size() > 3 && after[2] == '-' && is_blank(after[3])) {
      text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    }
    if (!text.empty()) add(Token::Kind::kText, text);
    take(end);
  }

  void take_action() {
    const int opened = line_;
    take(kOpen.size());
    const bool trimmed = trims_left();
    if (trimmed) take(1);
    const auto start = rest_.substr(trimmed ? 1 : 0);
    if (start.starts_with(kCommentOpen)) {
      take(trimmed ? 1 : 0);
      take_comment(opened);
      return;
    }
    add(Token::Kind::kOpen, kOpen);
    int depth = 0;
    while (!at_close()) {
      if (rest_.empty()) fail(opened, "the action that begins here is not closed");
      take_token(depth);
    }
    if (depth > 0) fail(line_, "a left parenthesis is not closed");
    take_close();
    add(Token::Kind::kClose, kClose);
  }

  bool at_close() const { return rest_.starts_with(kClose) || trims_right(); }
  void take_close() {
    trim_next_ = trims_right();
    if (trim_next_) take(2);
    take(kClose.size());
  }

  void take_comment(int opened) {
    const auto end = rest_.find(kCommentClose, kCommentOpen.size());
    if (end == std::string_view::npos) fail(opened, "the comment that begins here is not closed");
    take(end + kCommentClose.size());
    if (!at_close()) fail(line_, "a comment must end right before the closing braces");
    take_close();
  }

  void take_token(int& depth) {
    const char c = rest_[0];
    if (is_blank(c)) {
      // What could be the blank of a " -}}" is left for it.
      std::size_t count = 1;
      while (count < rest_.size() && is_blank(rest_[count])) ++count;
      if (rest_.substr(count).starts_with("-}}")) --count;
      add(Token::Kind::kBlank, " ");
      take(std::max<std::size_t>(count, 1));
      return;
    }
    if (c == '"' || c == '`' || c == '\'') return take_quoted();
    if (c == '$') return take_variable();
    if (c == '.' && !(rest_.size() > 1 && is_digit(rest_[1]))) return take_field();
    if (c == '+' || c == '-' || c == '.' || is_digit(c)) return take_number();
    if (is_alphanumeric(c)) return take_word();
    take_sign(depth);
  }

  void take_sign(int& depth) {
    if (rest_.starts_with(":=")) return add(Token::Kind::kDeclare, take(2));
    switch (rest_[0]) {
      case '|':
        return add(Token::Kind::kPipe, take(1));
      case ',':
        return add(Token::Kind::kComma, take(1));
      case '=':
        return add(Token::Kind::kAssign, take(1));
      case '(':
        ++depth;
        return add(Token::Kind::kLeft, take(1));
      case ')':
        if (--depth < 0) fail(line_, "a right parenthesis closes nothing");
        return add(Token::Kind::kRight, take(1));
      default:
        fail(line_,
             fmt::format("unexpected character '{}' in an action", std::string(1, rest_[0])));
    }
  }

  std::size_t word_length(std::size_t from) const {
    std::size_t end = from;
    while (end < rest_.size() && is_alphanumeric(rest_[end])) ++end;
    return end;
  }

  /// What may stand right after a word, a field or a variable.
  void check_end_of(std::string_view what) const {
    if (rest_.empty() || is_blank(rest_[0]) ||
        std::string_view(".,|:=)(").find(rest_[0]) != std::string_view::npos ||
        rest_.starts_with(kClose)) {
      return;
    }
    fail(line_, fmt::format("unexpected character '{}' after {}", std::string(1, rest_[0]), what));
  }

  void take_variable() {
    const auto name = take(word_length(1));
    check_end_of(name);
    add(Token::Kind::kVariable, name);
  }

  void take_field() {
    const auto name = take(word_length(1)).substr(1);
    if (name.empty()) return add(Token::Kind::kDot, ".");
    check_end_of(name);
    add(Token::Kind::kField, name);
  }

  void take_word() {
    const auto word = take(word_length(0));
    check_end_of(word);
    if (word == "true" || word == "false") {
      return add(Token::Kind::kConstant, word, Value(word == "true"));
    }
    add(word == "nil" ? Token::Kind::kNil : Token::Kind::kIdentifier, word);
  }

  void take_number() {
    std::size_t end = 1;
    const auto exponent_sign = [&] {
      const char before = rest_[end - 1];
      const bool hex = rest_.substr(0, end).find_first_of("xX") != std::string_view::npos;
      return hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E';
    };
    while (end < rest_.size() && (is_alphanumeric(rest_[end]) || rest_[end] == '.' ||
                                  ((rest_[end] == '+' || rest_[end] == '-') && exponent_sign()))) {
      ++end;
    }
    const auto text = take(end);
    auto number = parse_number(text);
    if (!number) fail(line_, fmt::format("'{}' is not a number", text));
    add(Token::Kind::kConstant, text, std::move(*number));
  }

  void take_quoted() {
    const char quote = rest_[0];
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) {
      if (quote != '`' && rest_[end] == '\n') break;
      if (quote != '`' && rest_[end] == '\\') ++end;
      ++end;
    }
    if (end >= rest_.size() || rest_[end] != quote) fail(line_, "a quoted text is not closed");
    const int line = line_;
    const auto text = take(end + 1);
    auto value = parse_quoted(text);
    if (!value) fail(line, "a quoted text has an escape or length that Go does not know");
    add(Token::Kind::kConstant, text, std::move(*value));
    tokens_.back().line = line;
  }

  std::string_view rest_;
  int line_ = 1;
  bool trim_next_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Tokenizer(text).run(); }

}  // namespace orchestrator::templates
