// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/source_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/format.hpp"

namespace orchestrator::manifest {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_continuation(char character) {
  return (static_cast<unsigned char>(character) & 0xC0) == 0x80;
}

/// Bytes of the well-formed UTF-8 sequence at the front of `text`, or 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                   is_continuation)) {
    return 0;
  }
  const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool beyond = (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF4 && byte(1) >= 0x90);
  return overlong || beyond ? 0 : length;
}

bool is_forbidden(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return (byte < 0x20 && character != '\n' && character != '\t') || byte == 0x7F;
}

/// The code unit of the escape \\uXXXX at the front of `text`, or nullopt.
std::optional<unsigned> escaped_unit(std::string_view text) {
  if (text.size() < 6 || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const auto* end = text.data() + 6;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return unit;
}

/// JSON escapes a character beyond 16 bits as two surrogates, which YAML does not know: writes
/// YAML's one escape for it.
std::string join_surrogates(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const auto high = escaped_unit(text.substr(i));
    const auto low = high ? escaped_unit(text.substr(i + 6)) : std::nullopt;
    if (low && (*high & 0xFC00U) == 0xD800U && (*low & 0xFC00U) == 0xDC00U) {
      const auto point = 0x10000U + ((*high & 0x3FFU) << 10U) + (*low & 0x3FFU);
      out += fmt::format("\\U{:08X}", point);
      i += 11;
    } else {
      out += text.substr(i++, 2);
    }
  }
  return out;
}

bool looks_like_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

}  // namespace

SourceText::SourceText(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text_.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    text_ += text[i] == '\r' ? '\n' : text[i];
  }
  if (looks_like_json(text_) && text_.find("\\u") != std::string::npos)
    text_ = join_surrogates(text_);
  starts_.push_back(0);
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n' && i + 1 < text_.size()) starts_.push_back(i + 1);
  }
}

std::string_view SourceText::line(std::size_t number) const {
  if (number == 0 || number > starts_.size()) return {};
  const auto begin = starts_[number - 1];
  const auto end = std::min(text_.find('\n', begin), text_.size());
  return std::string_view(text_).substr(begin, end - begin);
}

std::optional<TextProblem> SourceText::problem() const {
  if (text_.size() > kMaxManifestBytes) {
    return TextProblem{
        {},
        1,
        fmt::format("the file is larger than {}", base::format_bytes(kMaxManifestBytes)),
        ""};
  }
  const std::string_view rest = text_;
  std::size_t line = 1;
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < rest.size();) {
    const auto length = sequence_length(rest.substr(i));
    if (length == 0 || is_forbidden(rest[i])) {
      const Position at{line, code_points(rest.substr(line_begin, i - line_begin)) + 1};
      if (length == 0) return TextProblem{at, 1, "the file is not UTF-8 text", "save it as UTF-8"};
      return TextProblem{at, 1,
                         fmt::format("control character \\x{:02x} is not allowed in YAML",
                                     static_cast<unsigned char>(rest[i])),
                         "in a double-quoted string, write it as an escape"};
    }
    if (rest[i] == '\n') {
      ++line;
      line_begin = i + 1;
    }
    i += length;
  }
  return std::nullopt;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string_view code_point_range(std::string_view text, std::size_t first, std::size_t count) {
  const auto advance = [text](std::size_t from, std::size_t points) {
    while (from < text.size() && points-- > 0) {
      ++from;
      while (from < text.size() && is_continuation(text[from])) ++from;
    }
    return from;
  };
  const auto begin = advance(0, first);
  return text.substr(begin, advance(begin, count) - begin);
}

}  // namespace orchestrator::manifest
