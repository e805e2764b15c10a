// SPDX-License-Identifier: Apache-2.0
#include "oci/image_location.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.hpp"

namespace oci {
namespace {

using Format = ImageLocation::Format;

constexpr std::array<std::pair<std::string_view, Format>, 3> kFormats = {{
    {"oci:", Format::kOciLayout},
    {"oci-archive:", Format::kOciArchive},
    {"docker-archive:", Format::kDockerArchive},
}};

}  // namespace

std::optional<ImageLocation> ImageLocation::parse(std::string_view text) {
  for (const auto& [prefix, format] : kFormats) {
    if (!text.starts_with(prefix)) continue;
    const auto rest = text.substr(prefix.size());
    const auto colon = rest.find(':');
    ImageLocation location{.format = format, .path = rest.substr(0, colon), .name = {}};
    if (colon != std::string_view::npos) location.name = rest.substr(colon + 1);
    if (location.path.empty()) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("'{}' names no path", text),
                         .why = "",
                         .hint = fmt::format("write {}PATH or {}PATH:NAME", prefix, prefix)});
    }
    return location;
  }
  return std::nullopt;
}

std::string ImageLocation::text() const {
  std::string result;
  for (const auto& [prefix, known] : kFormats) {
    if (known == format) result = prefix;
  }
  result += path.string();
  return name.empty() ? result : result + ":" + name;
}

}  // namespace oci
