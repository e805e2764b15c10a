// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/functions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/templates/escape.hpp"
#include "orchestrator/templates/print.hpp"
#include "orchestrator/templates/problem.hpp"

namespace orchestrator::templates {
namespace {

using Arguments = std::vector<Value>;

Value checked(const CallContext& context, std::string text) {
  if (text.size() > kMaxTextBytes) fail(context.line, "a text grows beyond 4 MiB");
  return Value(std::move(text));
}

[[noreturn]] void refuse_comparison(const CallContext& context, const Value& left,
                                    const Value& right) {
  fail(context.line,
       fmt::format("{} and {} cannot be compared", type_name(left), type_name(right)));
}

bool is_nil(const Value& value) { return std::holds_alternative<std::monostate>(value); }

bool equal(const CallContext& context, const Value& left, const Value& right) {
  if (left.index() != right.index()) {
    if (is_nil(left) || is_nil(right)) return false;
    refuse_comparison(context, left, right);
  }
  if (std::holds_alternative<const Values*>(left)) refuse_comparison(context, left, right);
  return left == right;
}

bool less(const CallContext& context, const Value& left, const Value& right) {
  if (left.index() != right.index()) refuse_comparison(context, left, right);
  if (const auto* number = std::get_if<std::int64_t>(&left)) {
    return *number < std::get<std::int64_t>(right);
  }
  if (const auto* number = std::get_if<double>(&left)) return *number < std::get<double>(right);
  if (const auto* text = std::get_if<std::string>(&left)) {
    return *text < std::get<std::string>(right);
  }
  refuse_comparison(context, left, right);
}

Value call_eq(const CallContext& context, const Arguments& arguments) {
  return std::any_of(arguments.begin() + 1, arguments.end(),
                     [&](const Value& other) { return equal(context, arguments[0], other); });
}
Value call_ne(const CallContext& context, const Arguments& arguments) {
  return !equal(context, arguments[0], arguments[1]);
}
Value call_lt(const CallContext& context, const Arguments& arguments) {
  return less(context, arguments[0], arguments[1]);
}
Value call_ge(const CallContext& context, const Arguments& arguments) {
  return !less(context, arguments[0], arguments[1]);
}
Value call_le(const CallContext& context, const Arguments& arguments) {
  return less(context, arguments[0], arguments[1]) || equal(context, arguments[0], arguments[1]);
}
Value call_gt(const CallContext& context, const Arguments& arguments) {
  return !std::get<bool>(call_le(context, arguments));
}

Value call_not(const CallContext& /*context*/, const Arguments& arguments) {
  return !is_true(arguments[0]);
}

Value call_len(const CallContext& context, const Arguments& arguments) {
  if (const auto* text = std::get_if<std::string>(&arguments[0])) {
    return static_cast<std::int64_t>(text->size());
  }
  if (const auto* map = std::get_if<const Values*>(&arguments[0])) {
    return static_cast<std::int64_t>((*map)->size());
  }
  fail(context.line, fmt::format("len of {}", type_name(arguments[0])));
}

/// An index into a text of `size` bytes; `size` itself is let through, for ends.
std::size_t position(const CallContext& context, const Value& index, std::size_t size) {
  const auto* number = std::get_if<std::int64_t>(&index);
  if (number == nullptr) {
    fail(context.line, fmt::format("a text cannot be indexed with a {}", type_name(index)));
  }
  if (*number < 0 || static_cast<std::uint64_t>(*number) > size) {
    fail(context.line, fmt::format("index out of range: {}", *number));
  }
  return static_cast<std::size_t>(*number);
}

Value item_of(const CallContext& context, const Value& value, const Value& index) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    const auto at = position(context, index, text->size());
    if (at == text->size()) fail(context.line, fmt::format("index out of range: {}", at));
    return static_cast<std::int64_t>(static_cast<unsigned char>((*text)[at]));
  }
  const auto* map = std::get_if<const Values*>(&value);
  if (map == nullptr) fail(context.line, fmt::format("a {} has no items", type_name(value)));
  const auto* key = std::get_if<std::string>(&index);
  if (key == nullptr) {
    fail(context.line, fmt::format("the values are indexed by texts, not by {}", type_name(index)));
  }
  if (const auto found = (*map)->find(*key); found != (*map)->end()) return found->second;
  context.missing(*key);
  return std::string();
}

Value call_index(const CallContext& context, const Arguments& arguments) {
  if (is_nil(arguments[0])) fail(context.line, "index of nil");
  auto item = arguments[0];
  for (std::size_t i = 1; i < arguments.size(); ++i) item = item_of(context, item, arguments[i]);
  return item;
}

Value call_slice(const CallContext& context, const Arguments& arguments) {
  const auto* text = std::get_if<std::string>(&arguments[0]);
  if (text == nullptr) fail(context.line, fmt::format("slice of {}", type_name(arguments[0])));
  std::size_t begin = 0;
  std::size_t end = text->size();
  if (arguments.size() > 1) begin = position(context, arguments[1], text->size());
  if (arguments.size() > 2) end = position(context, arguments[2], text->size());
  if (begin > end) fail(context.line, fmt::format("a slice from {} to {}", begin, end));
  return text->substr(begin, end - begin);
}

Value call_call(const CallContext& context, const Arguments& arguments) {
  fail(context.line,
       fmt::format("call takes a function, and this is a {}", type_name(arguments[0])));
}

Value call_print(const CallContext& context, const Arguments& arguments) {
  return checked(context, print(arguments));
}
Value call_println(const CallContext& context, const Arguments& arguments) {
  return checked(context, print_line(arguments));
}

Value call_printf(const CallContext& context, const Arguments& arguments) {
  const auto* format = std::get_if<std::string>(&arguments[0]);
  if (format == nullptr) {
    fail(context.line,
         fmt::format("the format of printf is a text, not a {}", type_name(arguments[0])));
  }
  return checked(context,
                 print_formatted(context.line, *format, {arguments.begin() + 1, arguments.end()}));
}

/// What the escapers escape: a single text is taken as it is.
std::string text_to_escape(const Arguments& arguments) {
  auto shown = arguments;
  for (auto& argument : shown) {
    if (is_nil(argument)) argument = std::string(kNoValue);
  }
  return print(shown);
}

Value call_html(const CallContext& context, const Arguments& arguments) {
  return checked(context, escape_html(text_to_escape(arguments)));
}
Value call_js(const CallContext& context, const Arguments& arguments) {
  return checked(context, escape_js(text_to_escape(arguments)));
}
Value call_urlquery(const CallContext& context, const Arguments& arguments) {
  return checked(context, escape_query(text_to_escape(arguments)));
}

constexpr Function kFunctions[] = {
    {"and", 1, Function::kAny, nullptr},
    {"call", 1, Function::kAny, &call_call},
    {"eq", 2, Function::kAny, &call_eq},
    {"ge", 2, 2, &call_ge},
    {"gt", 2, 2, &call_gt},
    {"html", 0, Function::kAny, &call_html},
    {"index", 1, Function::kAny, &call_index},
    {"js", 0, Function::kAny, &call_js},
    {"le", 2, 2, &call_le},
    {"len", 1, 1, &call_len},
    {"lt", 2, 2, &call_lt},
    {"ne", 2, 2, &call_ne},
    {"not", 1, 1, &call_not},
    {"or", 1, Function::kAny, nullptr},
    {"print", 0, Function::kAny, &call_print},
    {"printf", 1, Function::kAny, &call_printf},
    {"println", 0, Function::kAny, &call_println},
    {"slice", 1, 3, &call_slice},
    {"urlquery", 0, Function::kAny, &call_urlquery},
};

}  // namespace

const Function* find_function(std::string_view name) {
  const auto* const end = std::end(kFunctions);
  const auto* const found = std::find_if(
      std::begin(kFunctions), end, [&](const Function& function) { return function.name == name; });
  return found == end ? nullptr : found;
}

}  // namespace orchestrator::templates
