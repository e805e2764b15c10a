// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/templates/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "orchestrator/templates/escape.hpp"
#include "orchestrator/templates/functions.hpp"
#include "orchestrator/templates/literal.hpp"
#include "orchestrator/templates/problem.hpp"

namespace orchestrator::templates {
namespace {

constexpr int kWidest = 1'000'000;  // As in Go; beyond it a width is a bad one.

/// What stands between the % and the verb.
struct Format {
  bool minus = false;
  bool plus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  std::optional<int> width;
  std::optional<int> precision;
  char32_t verb = 0;
};

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) static_cast<void>(take_code_point(text));
  return count;
}

std::string pad(std::string text, const Format& format, bool zeros) {
  const auto width = static_cast<std::size_t>(format.width.value_or(0));
  const auto count = count_characters(text);
  if (count >= width) return text;
  if (format.minus) return text + std::string(width - count, ' ');
  return std::string(width - count, zeros ? '0' : ' ') + text;
}

/// Go's %g of the shortest digits that mean the number, and its relatives.
std::string fraction_digits(double value, char verb, std::optional<int> precision) {
  if (precision || verb == 'e' || verb == 'f') {
    const int digits = precision.value_or(6);
    switch (verb) {
      case 'e':
        return fmt::format("{:.{}e}", value, digits);
      case 'f':
        return fmt::format("{:.{}f}", value, digits);
      default:
        return fmt::format("{:.{}g}", value, digits);
    }
  }
  std::array<char, 64> buffer;
  const auto shortest = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                      std::chars_format::scientific);
  const std::string text(buffer.data(), shortest.ptr);
  const auto at = text.find('e');
  const int exponent = std::stoi(text.substr(at + 1));
  constexpr int kLargestPlain = 6;
  if (exponent < -4 || exponent >= kLargestPlain) return text;
  const auto plain =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  return {buffer.data(), plain.ptr};
}

std::string show_fraction(double value, const Format& format, char verb) {
  const bool upper = verb == 'E' || verb == 'G';
  const char lower = verb == 'E'                  ? 'e'
                     : verb == 'G' || verb == 'v' ? 'g'
                     : verb == 'F'                ? 'f'
                                                  : verb;
  const bool finite = std::isfinite(value);
  std::string digits = std::isnan(value) ? "NaN"
                       : finite          ? fraction_digits(std::abs(value), lower, format.precision)
                                         : "Inf";
  if (upper && finite) std::replace(digits.begin(), digits.end(), 'e', 'E');
  const std::string sign = std::signbit(value) && !std::isnan(value) ? "-"
                           : format.plus || std::isinf(value)        ? "+"
                           : format.space                            ? " "
                                                                     : "";
  const auto shown = sign == "+" && !format.plus && !finite ? "+" + digits : sign + digits;
  if (format.zero && !format.minus && finite && format.width) {
    const auto width = static_cast<std::size_t>(*format.width);
    if (shown.size() < width) return sign + std::string(width - shown.size(), '0') + digits;
  }
  return pad(shown, format, false);
}

std::string show_integer(std::int64_t value, const Format& format, int base, bool upper,
                         std::string_view prefix) {
  const bool negative = value < 0;
  const auto magnitude =
      negative ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::array<char, 66> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), magnitude, base);
  std::string digits(buffer.data(), end.ptr);
  if (upper) {
    std::transform(digits.begin(), digits.end(), digits.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  }
  const bool has_sign = negative || format.plus || format.space;
  std::size_t least = 0;
  if (format.precision) {
    least = static_cast<std::size_t>(*format.precision);
    if (least == 0 && value == 0) return pad("", format, false);
  } else if (format.zero && !format.minus && format.width) {
    least = static_cast<std::size_t>(*format.width) -
            std::min<std::size_t>(has_sign ? 1 : 0, static_cast<std::size_t>(*format.width));
  }
  if (digits.size() < least) digits.insert(0, least - digits.size(), '0');
  if (prefix == "0" && digits[0] == '0') prefix = "";
  std::string sign = negative ? "-" : format.plus ? "+" : format.space ? " " : "";
  return pad(sign.append(prefix).append(digits), format, false);
}

std::string show_hex(std::string_view text, const Format& format, bool upper) {
  if (format.precision) text = text.substr(0, static_cast<std::size_t>(*format.precision));
  const std::string_view prefix = upper ? "0X" : "0x";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && format.space) out += ' ';
    if (format.sharp && (i == 0 || format.space)) out += prefix;
    const auto byte = static_cast<unsigned char>(text[i]);
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return pad(std::move(out), format, format.zero);
}

std::string_view cut(std::string_view text, const Format& format) {
  if (!format.precision) return text;
  auto rest = text;
  for (int left = *format.precision; left > 0 && !rest.empty(); --left) {
    static_cast<void>(take_code_point(rest));
  }
  return text.substr(0, text.size() - rest.size());
}

bool fits_backquotes(std::string_view text) {
  while (!text.empty()) {
    const auto c = take_code_point(text);
    if (!c || *c == '`' || *c == 0xFEFF || *c == 0x7F || (*c < ' ' && *c != '\t')) return false;
  }
  return true;
}

std::string show_quoted(std::string_view text, const Format& format) {
  const auto shown = cut(text, format);
  auto quoted = format.sharp && fits_backquotes(shown) ? fmt::format("`{}`", shown)
                                                       : quote(shown, format.plus);
  return pad(std::move(quoted), format, format.zero);
}

class Printer {
 public:
  Printer(int line, std::string_view format, const std::vector<Value>& values)
      : line_(line), rest_(format), values_(values) {}

  std::string run() {
    while (!rest_.empty()) {
      const auto percent = std::min(rest_.find('%'), rest_.size());
      out_ += rest_.substr(0, percent);
      rest_.remove_prefix(percent);
      if (!rest_.empty()) take_verb();
      if (out_.size() > kMaxTextBytes) fail(line_, "a text grows beyond 4 MiB");
    }
    if (!reordered_ && next_ < values_.size()) add_extra();
    return std::move(out_);
  }

 private:
  void take_verb() {
    rest_.remove_prefix(1);
    Format format;
    good_index_ = true;
    bool after_index = false;
    take_flags(format);
    after_index = take_index(after_index);
    take_width(format, after_index);
    take_precision(format, after_index);
    if (!after_index) after_index = take_index(after_index);
    if (rest_.empty()) {
      out_ += "%!(NOVERB)";
      return;
    }
    const auto before = rest_;
    format.verb = take_code_point(rest_).value_or(0xFFFD);
    const auto verb = before.substr(0, before.size() - rest_.size());
    if (format.verb == '%') {
      out_ += '%';
    } else if (!good_index_) {
      out_ += fmt::format("%!{}(BADINDEX)", verb);
    } else if (next_ >= values_.size()) {
      out_ += fmt::format("%!{}(MISSING)", verb);
    } else {
      out_ += show(values_[next_++], format);
    }
  }

  void take_flags(Format& format) {
    for (;; rest_.remove_prefix(1)) {
      const char c = rest_.empty() ? '\0' : rest_[0];
      if (c == '-') {
        format.minus = true;
      } else if (c == '+') {
        format.plus = true;
      } else if (c == '#') {
        format.sharp = true;
      } else if (c == ' ') {
        format.space = true;
      } else if (c == '0') {
        format.zero = true;
      } else {
        return;
      }
    }
  }

  /// "[3]": which argument comes next.
  bool take_index(bool before) {
    if (rest_.empty() || rest_[0] != '[') return before;
    reordered_ = true;
    const auto end = rest_.find(']');
    if (end == std::string_view::npos) {
      good_index_ = false;
      rest_.remove_prefix(1);
      return before;
    }
    auto digits = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    const auto number = take_number(digits);
    if (!number || !digits.empty() || *number < 1 ||
        static_cast<std::size_t>(*number) > values_.size()) {
      good_index_ = false;
      return false;
    }
    next_ = static_cast<std::size_t>(*number) - 1;
    return true;
  }

  static std::optional<int> take_number(std::string_view& text) {
    int value = 0;
    std::size_t end = 0;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') {
      value = value * 10 + (text[end] - '0');
      if (value > kWidest) return std::nullopt;
      ++end;
    }
    if (end == 0) return std::nullopt;
    text.remove_prefix(end);
    return value;
  }

  /// The value of a *.
  std::optional<int> take_star(std::string_view complaint, bool negative_allowed) {
    rest_.remove_prefix(1);
    std::optional<int> number;
    if (next_ < values_.size()) {
      const auto* value = std::get_if<std::int64_t>(&values_[next_++]);
      if (value != nullptr && std::abs(*value) <= kWidest && (negative_allowed || *value >= 0)) {
        number = static_cast<int>(*value);
      }
    }
    if (!number) out_ += complaint;
    return number;
  }

  void take_width(Format& format, bool& after_index) {
    if (rest_.starts_with('*')) {
      format.width = take_star("%!(BADWIDTH)", true);
      if (format.width && *format.width < 0) {
        format.width = -*format.width;
        format.minus = true;
        format.zero = false;
      }
      after_index = false;
      return;
    }
    format.width = take_number(rest_);
    if (after_index && format.width) good_index_ = false;
  }

  void take_precision(Format& format, bool& after_index) {
    if (!rest_.starts_with('.')) return;
    rest_.remove_prefix(1);
    if (after_index) good_index_ = false;
    after_index = take_index(after_index);
    if (rest_.starts_with('*')) {
      format.precision = take_star("%!(BADPREC)", false);
      after_index = false;
      return;
    }
    format.precision = take_number(rest_).value_or(0);
  }

  void add_extra() {
    out_ += "%!(EXTRA ";
    for (auto i = next_; i < values_.size(); ++i) {
      if (i > next_) out_ += ", ";
      out_ += is_nil(values_[i]) ? "<nil>"
                                 : fmt::format("{}={}", type_name(values_[i]), to_text(values_[i]));
    }
    out_ += ')';
  }

  static bool is_nil(const Value& value) { return std::holds_alternative<std::monostate>(value); }

  /// The value is shown as with %v, and the flags of the verb that is not for it.
  std::string bad_verb(const Value& value, Format format) const {
    const auto verb = utf8(format.verb);
    if (is_nil(value)) return fmt::format("%!{}(<nil>)", verb);
    format.verb = 'v';
    format.sharp = false;
    return fmt::format("%!{}({}={})", verb, type_name(value), show(value, format));
  }

  std::string show(const Value& value, const Format& format) const {
    if (format.verb == 'T') {
      return pad(is_nil(value) ? "<nil>" : std::string(type_name(value)), format, false);
    }
    if (is_nil(value))
      return format.verb == 'v' ? pad("<nil>", format, false) : bad_verb(value, format);
    if (const auto* truth = std::get_if<bool>(&value)) {
      if (format.verb != 't' && format.verb != 'v') return bad_verb(value, format);
      return pad(*truth ? "true" : "false", format, false);
    }
    if (const auto* number = std::get_if<std::int64_t>(&value)) return integer(*number, format);
    if (const auto* number = std::get_if<double>(&value)) return fraction(*number, format);
    if (const auto* text = std::get_if<std::string>(&value)) return string(*text, format);
    return map(*std::get<const Values*>(value), format);
  }

  std::string integer(std::int64_t value, const Format& format) const {
    const auto code = value < 0 || value > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(value);
    switch (format.verb) {
      case 'v':
      case 'd':
        return show_integer(value, format, 10, false, "");
      case 'b':
        return show_integer(value, format, 2, false, format.sharp ? "0b" : "");
      case 'o':
        return show_integer(value, format, 8, false, format.sharp ? "0" : "");
      case 'O':
        return show_integer(value, format, 8, false, "0o");
      case 'x':
        return show_integer(value, format, 16, false, format.sharp ? "0x" : "");
      case 'X':
        return show_integer(value, format, 16, true, format.sharp ? "0X" : "");
      case 'c':
        return pad(utf8(code), format, format.zero);
      case 'q':
        return pad(quote_character(code, format.plus), format, format.zero);
      case 'U':
        return unicode(value, format);
      default:
        return bad_verb(Value(value), format);
    }
  }

  static std::string unicode(std::int64_t value, const Format& format) {
    const int digits = std::max(format.precision.value_or(4), 4);
    auto text = fmt::format("U+{:0{}X}", static_cast<std::uint64_t>(value), digits);
    if (format.sharp && value >= 0 && value <= 0x10FFFF &&
        is_printable(static_cast<char32_t>(value))) {
      text += fmt::format(" '{}'", utf8(static_cast<char32_t>(value)));
    }
    return pad(std::move(text), format, false);
  }

  std::string fraction(double value, const Format& format) const {
    switch (format.verb) {
      case 'v':
      case 'g':
      case 'G':
      case 'e':
      case 'E':
      case 'f':
      case 'F':
        if (format.sharp) fail(line_, "printf: # with a fraction is not supported");
        return show_fraction(value, format, static_cast<char>(format.verb));
      case 'b':
      case 'x':
      case 'X':
        fail(line_, "printf: %b and %x of a fraction are not supported");
      default:
        return bad_verb(Value(value), format);
    }
  }

  std::string string(const std::string& text, const Format& format) const {
    switch (format.verb) {
      case 'v':
        if (format.sharp) return pad(quote(cut(text, format), false), format, format.zero);
        [[fallthrough]];
      case 's':
        return pad(std::string(cut(text, format)), format, format.zero);
      case 'x':
      case 'X':
        return show_hex(text, format, format.verb == 'X');
      case 'q':
        return show_quoted(text, format);
      default:
        return bad_verb(Value(text), format);
    }
  }

  std::string map(const Values& values, const Format& format) const {
    const bool source = format.verb == 'v' && format.sharp;
    std::string out = source ? "map[string]string{" : "map[";
    bool first = true;
    for (const auto& [key, value] : values) {
      if (!first) out += source ? ", " : " ";
      first = false;
      out += string(key, format) + ":" + string(value, format);
    }
    return out + (source ? '}' : ']');
  }

  int line_;
  std::string_view rest_;
  const std::vector<Value>& values_;
  std::string out_;
  std::size_t next_ = 0;
  bool reordered_ = false;
  bool good_index_ = true;
};

}  // namespace

std::string to_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const std::vector<Value> values = {value};
  return Printer(0, "%v", values).run();
}

std::string print(const std::vector<Value>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto is_text = [&](std::size_t at) {
      return std::holds_alternative<std::string>(values[at]);
    };
    if (i > 0 && !is_text(i) && !is_text(i - 1)) out += ' ';
    out += to_text(values[i]);
  }
  return out;
}

std::string print_line(const std::vector<Value>& values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ' ';
    out += to_text(values[i]);
  }
  return out + '\n';
}

std::string print_formatted(int line, std::string_view format, const std::vector<Value>& values) {
  return Printer(line, format, values).run();
}

}  // namespace orchestrator::templates
