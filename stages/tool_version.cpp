// SPDX-License-Identifier: Apache-2.0
#include "stages/tool_version.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "base/format.hpp"

namespace stages {
namespace {

std::optional<ToolVersion> find_version(std::string_view said) {
  const char* const end = said.data() + said.size();
  for (const char* at = said.data(); at != end; ++at) {
    ToolVersion version;
    const auto major = std::from_chars(at, end, version.major);
    if (major.ec != std::errc()) continue;
    at = major.ptr;
    if (at == end || *at != '.') {
      if (at == end) break;
      continue;
    }
    const auto minor = std::from_chars(at + 1, end, version.minor);
    if (minor.ec == std::errc() && version.major >= 0 && version.minor >= 0) return version;
  }
  return std::nullopt;
}

}  // namespace

ToolVersion check_version(const std::string& program, std::string_view said, ToolVersion least) {
  const auto version = find_version(said);
  if (version && *version >= least) return *version;
  const auto line = said.substr(0, said.find('\n'));
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = version ? fmt::format("{} is too old", program)
                                     : fmt::format("{} does not say which version it is", program),
                     .why = fmt::format("it says '{}'; {}.{} is the oldest that will do",
                                        base::printable(line), least.major, least.minor),
                     .hint = "install a newer one, or use the native engine"});
}

}  // namespace stages
