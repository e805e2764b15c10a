// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "orchestrator/templates/functions.hpp"
#include "orchestrator/templates/print.hpp"
#include "orchestrator/templates/problem.hpp"
#include "orchestrator/templates/syntax.hpp"

namespace orchestrator::templates {
namespace {

constexpr int kMostSteps = 10'000'000;

/// How a list of nodes ended.
enum class Flow { kOn, kBreak, kContinue };

class Renderer {
 public:
  explicit Renderer(const Values& values) : values_(values) {
    variables_.push_back({"$", Value(&values)});
  }

  Rendered run(const std::vector<Node>& nodes) {
    walk(nodes, Value(&values_));
    if (!out_.text.empty() && out_.text.back() != '\n') out_.lines.push_back(line_of_output_);
    return std::move(out_);
  }

 private:
  struct Variable {
    std::string name;
    Value value;
  };

  void write(std::string_view text, int line, bool literal) {
    if (text.size() > kMaxTextBytes - out_.text.size()) {
      fail(line, "the rendered text grows beyond 4 MiB");
    }
    for (const char c : text) {
      if (out_.text.empty() || out_.text.back() == '\n') line_of_output_ = line;
      out_.text += c;
      if (c != '\n') continue;
      out_.lines.push_back(line_of_output_);
      if (literal) ++line;
    }
  }

  void step(int line) {
    if (++steps_ > kMostSteps) fail(line, "the template takes too many steps");
  }

  Flow walk(const std::vector<Node>& nodes, const Value& dot) {
    for (const auto& node : nodes) {
      const auto flow = walk(node, dot);
      if (flow != Flow::kOn) return flow;
    }
    return Flow::kOn;
  }

  Flow walk(const Node& node, const Value& dot) {
    step(node.line);
    switch (node.kind) {
      case Node::Kind::kText:
        write(node.text, node.line, true);
        return Flow::kOn;
      case Node::Kind::kOutput: {
        const auto value = evaluate(node.pipeline, dot);
        if (node.pipeline.variables.empty()) write(shown(value), node.line, false);
        return Flow::kOn;
      }
      case Node::Kind::kIf:
      case Node::Kind::kWith:
        return choose(node, dot);
      case Node::Kind::kRange:
        return loop(node, dot);
      case Node::Kind::kBreak:
        return Flow::kBreak;
      case Node::Kind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kOn;
  }

  static std::string shown(const Value& value) {
    if (std::holds_alternative<std::monostate>(value)) return std::string(kNoValue);
    return to_text(value);
  }

  Flow choose(const Node& node, const Value& dot) {
    const auto known = variables_.size();
    const auto value = evaluate(node.pipeline, dot);
    const bool with = node.kind == Node::Kind::kWith;
    const auto flow =
        is_true(value) ? walk(node.body, with ? value : dot) : walk(node.otherwise, dot);
    variables_.resize(known);
    return flow;
  }

  Flow loop(const Node& node, const Value& dot) {
    const auto known = variables_.size();
    const auto value = evaluate(node.pipeline, dot);
    const auto kept = variables_.size();
    bool ran = false;
    const auto once = [&](const Value& index, const Value& item) {
      ran = true;
      step(node.line);
      give(node.pipeline, index, item, known);
      const auto flow = walk(node.body, item);
      variables_.resize(kept);
      return flow != Flow::kBreak;
    };
    if (const auto* map = std::get_if<const Values*>(&value)) {
      for (const auto& [key, text] : **map) {
        if (!once(Value(key), Value(text))) break;
      }
    } else if (const auto* count = std::get_if<std::int64_t>(&value)) {
      if (node.pipeline.variables.size() > 1) {
        fail(node.line, "a range over a number has one variable");
      }
      for (std::int64_t i = 0; i < *count; ++i) {
        if (!once({}, Value(i))) break;
      }
    } else if (!std::holds_alternative<std::monostate>(value)) {
      fail(node.line, fmt::format("range cannot go over a {}", type_name(value)));
    }
    if (!ran) {
      const auto flow = walk(node.otherwise, dot);
      variables_.resize(known);
      return flow;
    }
    variables_.resize(known);
    return Flow::kOn;
  }

  /// Gives the variables of a range their values; the ones it declares begin at `first`.
  void give(const Pipeline& pipeline, const Value& index, const Value& item, std::size_t first) {
    const auto& names = pipeline.variables;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& value = i + 1 == names.size() ? item : index;
      if (pipeline.declares) {
        variables_[first + i].value = value;
      } else {
        variable(names[i], pipeline.line).value = value;
      }
    }
  }

  Variable& variable(const std::string& name, int line) {
    const auto found = std::find_if(variables_.rbegin(), variables_.rend(),
                                    [&](const Variable& known) { return known.name == name; });
    if (found == variables_.rend()) fail(line, fmt::format("{} has no value yet", name));
    return *found;
  }

  Value evaluate(const Pipeline& pipeline, const Value& dot) {
    step(pipeline.line);
    Value value;
    bool first = true;
    for (const auto& command : pipeline.commands) {
      value = evaluate(command, dot, first ? nullptr : &value);
      first = false;
    }
    for (const auto& name : pipeline.variables) {
      if (pipeline.declares) {
        variables_.push_back({name, value});
      } else {
        variable(name, pipeline.line).value = value;
      }
    }
    return value;
  }

  /// `last` is what comes out of the command before, or nullptr.
  Value evaluate(const Command& command, const Value& dot, const Value* last) {
    const auto& head = command.front();
    if (head.kind == Operand::Kind::kFunction && head.fields.empty()) {
      return call(head, {command.begin() + 1, command.end()}, dot, last);
    }
    if (command.size() > 1 || last != nullptr) {
      fail(head.line, "arguments are given to what is no function");
    }
    if (head.kind == Operand::Kind::kNil) fail(head.line, "nil alone is no value");
    return evaluate(head, dot);
  }

  Value evaluate(const Operand& operand, const Value& dot) {
    step(operand.line);
    Value value;
    switch (operand.kind) {
      case Operand::Kind::kDot:
        value = dot;
        break;
      case Operand::Kind::kNil:
        break;
      case Operand::Kind::kConstant:
        value = operand.constant;
        break;
      case Operand::Kind::kVariable:
        value = variable(operand.name, operand.line).value;
        break;
      case Operand::Kind::kFunction:
        value = call(operand, {}, dot, nullptr);
        break;
      case Operand::Kind::kPipeline:
        value = evaluate(*operand.pipeline, dot);
        break;
    }
    for (const auto& name : operand.fields) value = field(value, name, operand.line);
    return value;
  }

  Value field(const Value& value, const std::string& name, int line) {
    const auto* map = std::get_if<const Values*>(&value);
    if (map == nullptr) {
      fail(line, fmt::format("there is no .{} in a {}", name, type_name(value)));
    }
    if (const auto found = (*map)->find(name); found != (*map)->end()) return found->second;
    miss(name, line);
    return std::string();
  }

  Value call(const Operand& head, const Command& operands, const Value& dot, const Value* last) {
    const auto& function = *find_function(head.name);
    const auto count = operands.size() + (last == nullptr ? 0 : 1);
    if (count < function.least || count > function.most) {
      fail(head.line,
           fmt::format("{} takes {} arguments, and {} are given", function.name,
                       function.most == Function::kAny ? fmt::format("{} or more", function.least)
                                                       : std::to_string(function.least),
                       count));
    }
    if (function.call == nullptr) return decide(function.name == "or", operands, dot, last);
    std::vector<Value> arguments;
    arguments.reserve(count);
    for (const auto& operand : operands) arguments.push_back(evaluate(operand, dot));
    if (last != nullptr) arguments.push_back(*last);
    const MissingKey missing = [&](const std::string& key) { miss(key, head.line); };
    return function.call({.line = head.line, .missing = missing}, arguments);
  }

  /// `and`, `or`: what comes after the argument that decides is not looked at.
  Value decide(bool deciding, const Command& operands, const Value& dot, const Value* last) {
    Value value;
    for (const auto& operand : operands) {
      value = evaluate(operand, dot);
      if (is_true(value) == deciding) return value;
    }
    return last == nullptr ? value : *last;
  }

  void miss(const std::string& key, int line) {
    if (missed_.emplace(line, key).second) out_.missing.push_back({key, line});
  }

  const Values& values_;
  std::vector<Variable> variables_;
  Rendered out_;
  std::set<std::pair<int, std::string>> missed_;
  int line_of_output_ = 1;
  int steps_ = 0;
};

}  // namespace

Rendered render(std::string_view text, const Values& values, std::string_view name) {
  try {
    return Renderer(values).run(parse_template(text));
  } catch (const Problem& problem) {
    throw base::Error({.code = base::ErrorCode::kManifest,
                       .what = fmt::format("cannot render the template {}", name),
                       .why = fmt::format("line {}: {}", problem.line, problem.message),
                       .hint = ""});
  }
}

}  // namespace orchestrator::templates
