// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "orchestrator/templates/functions.hpp"
#include "orchestrator/templates/problem.hpp"
#include "orchestrator/templates/token.hpp"

namespace orchestrator::templates {
namespace {

using Kind = Token::Kind;

constexpr int kDeepest = 200;  // Of blocks and parentheses: a bound for the stack.
constexpr std::array<std::string_view, 3> kForbidden = {"define", "template", "block"};
constexpr std::array<std::string_view, 7> kKeywords = {"if",  "with",  "range",   "else",
                                                       "end", "break", "continue"};

template <typename Words>
bool contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  std::vector<Node> run() {
    auto nodes = list();
    if (peek().kind != Kind::kEnd) unexpected(closing_);
    return nodes;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  const Token& skip_blanks() {
    while (peek().kind == Kind::kBlank) next();
    return peek();
  }
  [[noreturn]] static void unexpected(const Token& token) {
    // A constant is not quoted: build definitions lie in Secrets.
    const bool constant = token.kind == Kind::kConstant;
    fail(token.line, constant ? "unexpected constant" : fmt::format("unexpected '{}'", token.text));
  }

  void expect_close() {
    if (skip_blanks().kind != Kind::kClose) unexpected(peek());
    next();
  }

  /// Nodes up to the end, or to {{end}} or {{else, whose keyword is taken and kept in closing_.
  std::vector<Node> list() {
    std::vector<Node> nodes;
    while (peek().kind != Kind::kEnd) {
      if (peek().kind == Kind::kText) {
        Node node;
        node.text = peek().text;
        node.line = next().line;
        nodes.push_back(std::move(node));
        continue;
      }
      next();  // The opening braces.
      const auto& word = skip_blanks();
      if (word.kind == Kind::kIdentifier && (word.text == "end" || word.text == "else")) {
        closing_ = next();
        at_end_ = true;
        return nodes;
      }
      nodes.push_back(action());
    }
    at_end_ = false;
    return nodes;
  }

  Node action() {
    const Token word = peek();
    if (word.kind == Kind::kIdentifier && contains(kForbidden, word.text)) {
      fail(word.line, fmt::format("'{}' is not supported in a build definition", word.text));
    }
    if (word.kind == Kind::kIdentifier && contains(kKeywords, word.text)) {
      next();
      return word.text == "break" || word.text == "continue" ? jump(word) : control(word);
    }
    Node node;
    node.kind = Node::Kind::kOutput;
    node.line = word.line;
    node.pipeline = pipeline(Kind::kClose, false);
    next();
    return node;
  }

  Node jump(const Token& word) {
    if (loops_ == 0) fail(word.line, fmt::format("'{}' stands outside of a range", word.text));
    expect_close();
    Node node;
    node.kind = word.text == "break" ? Node::Kind::kBreak : Node::Kind::kContinue;
    node.line = word.line;
    return node;
  }

  Node control(const Token& word) {
    enter(word.line);
    const auto known = variables_.size();
    Node node;
    node.kind = word.text == "if"     ? Node::Kind::kIf
                : word.text == "with" ? Node::Kind::kWith
                                      : Node::Kind::kRange;
    node.line = word.line;
    node.pipeline = pipeline(Kind::kClose, node.kind == Node::Kind::kRange);
    next();
    if (node.kind == Node::Kind::kRange) ++loops_;
    node.body = list();
    if (node.kind == Node::Kind::kRange) --loops_;
    check_closed(word);
    if (closing_.text == "else") {
      node.otherwise = otherwise(word);
    } else {
      expect_close();
    }
    variables_.resize(known);
    --depth_;
    return node;
  }

  /// After {{else.
  std::vector<Node> otherwise(const Token& word) {
    const Token also = skip_blanks();
    if (also.kind == Kind::kIdentifier && also.text == word.text && word.text != "range") {
      next();
      std::vector<Node> nodes;
      nodes.push_back(control(also));  // It takes the {{end}} of both.
      return nodes;
    }
    expect_close();
    auto nodes = list();
    check_closed(word);
    if (closing_.text != "end") unexpected(closing_);
    expect_close();
    return nodes;
  }

  void check_closed(const Token& word) const {
    if (!at_end_) fail(word.line, fmt::format("'{}' has no {{{{end}}}}", word.text));
  }

  void enter(int line) {
    if (++depth_ > kDeepest) fail(line, fmt::format("nested deeper than {} times", kDeepest));
  }

  /// Up to `end`, which is left.
  Pipeline pipeline(Kind end, bool is_range) {
    Pipeline pipeline;
    pipeline.line = skip_blanks().line;
    take_variables(pipeline, is_range);
    for (;;) {
      skip_blanks();
      if (peek().kind == end) break;
      pipeline.commands.push_back(command(end));
      const auto& first = pipeline.commands.back().front();
      if (pipeline.commands.size() > 1 && !is_callable(first)) {
        fail(first.line, "what stands after a | must be a function");
      }
      if (peek().kind == Kind::kPipe) next();  // Go lets it stand at the end, too.
    }
    if (pipeline.commands.empty()) fail(pipeline.line, "a value is missing");
    return pipeline;
  }

  static bool is_callable(const Operand& operand) {
    switch (operand.kind) {
      case Operand::Kind::kNil:
      case Operand::Kind::kConstant:
        return false;
      case Operand::Kind::kDot:
        return !operand.fields.empty();
      case Operand::Kind::kVariable:
      case Operand::Kind::kFunction:
      case Operand::Kind::kPipeline:
        return true;
    }
    return true;
  }

  /// `$x :=`, `$x =`, and of a range `$i, $x :=`.
  void take_variables(Pipeline& pipeline, bool is_range) {
    const auto begin = at_;
    while (skip_blanks().kind == Kind::kVariable) {
      const Token variable = next();
      skip_blanks();
      const Token sign = peek();
      if (sign.kind == Kind::kDeclare || sign.kind == Kind::kAssign) {
        next();
        pipeline.declares = sign.kind == Kind::kDeclare;
        pipeline.variables.push_back(variable.text);
        for (const auto& name : pipeline.variables) declare(name, pipeline.declares, variable.line);
        return;
      }
      if (sign.kind != Kind::kComma || !is_range) break;
      next();
      pipeline.variables.push_back(variable.text);
      if (pipeline.variables.size() > 1 || skip_blanks().kind != Kind::kVariable) {
        fail(variable.line, "a range declares one variable or two");
      }
    }
    pipeline.variables.clear();
    at_ = begin;
  }

  void declare(const std::string& name, bool declares, int line) {
    if (declares) {
      variables_.push_back(name);
    } else {
      check_variable(name, line);
    }
  }

  void check_variable(const std::string& name, int line) const {
    if (contains(variables_, name)) return;
    fail(line, fmt::format("the variable {} is not declared", name));
  }

  Command command(Kind end) {
    Command command;
    for (;;) {
      skip_blanks();
      const auto kind = peek().kind;
      if (kind == end || kind == Kind::kPipe) break;
      command.push_back(operand());
      const auto after = peek().kind;
      if (after != Kind::kBlank && after != end && after != Kind::kPipe) unexpected(peek());
    }
    if (command.empty()) fail(peek().line, "a command is missing");
    return command;
  }

  Operand operand() {
    const Token token = next();
    Operand operand;
    operand.line = token.line;
    bool has_fields = true;
    switch (token.kind) {
      case Kind::kDot:
        has_fields = false;
        break;
      case Kind::kField:
        operand.fields.push_back(token.text);
        break;
      case Kind::kVariable:
        check_variable(token.text, token.line);
        operand.kind = Operand::Kind::kVariable;
        operand.name = token.text;
        break;
      case Kind::kIdentifier:
        check_function(token);
        operand.kind = Operand::Kind::kFunction;
        operand.name = token.text;
        break;
      case Kind::kConstant:
        operand.kind = Operand::Kind::kConstant;
        operand.constant = token.constant;
        has_fields = false;
        break;
      case Kind::kNil:
        operand.kind = Operand::Kind::kNil;
        has_fields = false;
        break;
      case Kind::kLeft:
        enter(token.line);
        operand.kind = Operand::Kind::kPipeline;
        operand.pipeline = std::make_shared<const Pipeline>(pipeline(Kind::kRight, false));
        next();
        --depth_;
        break;
      case Kind::kText:
      case Kind::kOpen:
      case Kind::kClose:
      case Kind::kBlank:
      case Kind::kPipe:
      case Kind::kComma:
      case Kind::kAssign:
      case Kind::kDeclare:
      case Kind::kRight:
      case Kind::kEnd:
        unexpected(token);
    }
    while (has_fields && peek().kind == Kind::kField) operand.fields.push_back(next().text);
    return operand;
  }

  static void check_function(const Token& token) {
    if (find_function(token.text) != nullptr) return;
    if (contains(kKeywords, token.text) || contains(kForbidden, token.text)) unexpected(token);
    fail(token.line, fmt::format("there is no function '{}'", token.text));
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::vector<std::string> variables_ = {"$"};
  Token closing_;        // The end or else that ended the last list.
  bool at_end_ = false;  // There was one.
  int loops_ = 0;
  int depth_ = 0;
};

}  // namespace

std::vector<Node> parse_template(std::string_view text) { return Parser(tokenize(text)).run(); }

}  // namespace orchestrator::templates
