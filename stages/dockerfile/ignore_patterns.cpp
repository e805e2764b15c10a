// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/ignore_patterns.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <stdexcept>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/blanks.hpp"

namespace stages::dockerfile {
namespace {

constexpr std::size_t kMaxBytes = 4U << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

/// As Go's filepath.Clean: "a//b/./c/.." is "a/b"; a path that leads above its start keeps "..".
std::string clean(std::string_view path) {
  std::vector<std::string_view> names;
  const bool absolute = path.starts_with('/');
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (name.empty() || name == ".") continue;
    if (name == ".." && !names.empty() && names.back() != "..") {
      names.pop_back();
    } else if (name != ".." || !absolute) {
      names.push_back(name);
    }
  }
  const auto joined = fmt::format("{}", fmt::join(names, "/"));
  return absolute ? "/" + joined : joined.empty() ? "." : joined;
}

std::optional<std::string> read_within(const std::filesystem::path& folder,
                                       const std::string& name) {
  const auto root = base::open_for_reading(folder);
  const oci::RootedDirectory rooted(root.get(), folder.string());
  const auto file = rooted.try_open(name, O_RDONLY | O_NONBLOCK);
  const auto path = (folder / name).string();
  if (file) return base::read_all(file.get(), kMaxBytes, path);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  base::throw_system_error(errno, fmt::format("cannot read {}", path));
}

}  // namespace

std::vector<std::string> read_ignore_lines(std::string_view text, const std::string& name) {
  std::vector<std::string> lines;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (int number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with('#')) continue;
    auto pattern = trimmed(line);
    if (pattern.empty()) continue;
    const bool exception = pattern.starts_with('!');
    if (exception) pattern = trimmed(pattern.substr(1));
    auto cleaned = pattern.empty() ? "" : clean(pattern);
    if (cleaned.size() > 1 && cleaned.starts_with('/')) cleaned.erase(0, 1);
    auto whole = exception ? "!" + cleaned : cleaned;
    try {
      IgnorePatterns({whole});
    } catch (const base::Error& error) {
      throw base::Error({.code = base::ErrorCode::kManifest,
                         .what = fmt::format("{}:{}: {}", name, number, error.facts().what),
                         .why = fmt::format("{} | {}", number, base::printable(trimmed(line))),
                         .hint = error.facts().hint});
    }
    lines.push_back(std::move(whole));
  }
  return lines;
}

std::vector<std::string> find_ignore_lines(const std::filesystem::path& context,
                                           const std::filesystem::path& dockerfile) {
  if (!dockerfile.empty()) {
    const auto own = dockerfile.string() + ".dockerignore";
    if (const auto text = base::read_file_if_exists(own, kMaxBytes)) {
      return read_ignore_lines(*text, own);
    }
  }
  if (context.empty()) return {};
  for (const std::string name : {".containerignore", ".dockerignore"}) {
    if (const auto text = read_within(context, name)) return read_ignore_lines(*text, name);
  }
  return {};
}

IgnorePatterns::IgnorePatterns(const std::vector<std::string>& patterns) {
  for (const auto& line : patterns) {
    auto text = std::string(trimmed(line));
    if (text.empty()) continue;
    const bool exception = text.starts_with('!');
    if (exception) text.erase(0, 1);
    if (text.empty()) {
      throw base::Error({.code = base::ErrorCode::kManifest,
                         .what = "illegal exclusion pattern: \"!\"",
                         .why = "",
                         .hint = "write !PATTERN, with what is not to be left out"});
    }
    try {
      patterns_.push_back({.pattern = PathPattern::ignore(clean(text)), .exception = exception});
    } catch (const std::invalid_argument& problem) {
      throw base::Error(
          {.code = base::ErrorCode::kManifest,
           .what = fmt::format("{}: \"{}\"", problem.what(), base::printable(line)),
           .why = "",
           .hint = "close the bracket, or put a backslash before what is no pattern"});
    }
    has_exceptions_ = has_exceptions_ || exception;
  }
}

bool IgnorePatterns::matches(std::string_view path, const Matched& above, Matched& here) const {
  here.assign(patterns_.size(), false);
  bool matched = false;
  for (std::size_t at = 0; at < patterns_.size(); ++at) {
    const auto& [pattern, exception] = patterns_[at];
    bool match = !above.empty() && above[at];
    if (!match) {
      if (exception != matched) continue;
      match = pattern.matches(path);
    }
    here[at] = match;
    if (match) matched = !exception;
  }
  return matched;
}

bool IgnorePatterns::matches(std::string_view path) const {
  Matched above;
  Matched here;
  bool matched = false;
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = path.find('/', end + 1);
    matched = matches(path.substr(0, end), above, here);
    above.swap(here);
  }
  return matched;
}

}  // namespace stages::dockerfile
