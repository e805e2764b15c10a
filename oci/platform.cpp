// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace oci {
namespace {

std::string go_architecture(std::string_view machine) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames = {{
      {"x86_64", "amd64"},
      {"aarch64", "arm64"},
      {"i686", "386"},
      {"armv7l", "arm"},
      {"riscv64", "riscv64"},
      {"ppc64le", "ppc64le"},
  }};
  for (const auto& [kernel, go] : kNames) {
    if (kernel == machine) return std::string(go);
  }
  return std::string(machine);
}

std::string canonical_variant(const Platform& platform) {
  return platform.architecture == "arm64" && platform.variant == "v8" ? "" : platform.variant;
}

}  // namespace

Platform Platform::host() {
  utsname names{};
  static_cast<void>(::uname(&names));
  return {.os = "linux", .architecture = go_architecture(names.machine), .variant = ""};
}

Platform Platform::parse(std::string_view text) {
  std::vector<std::string> parts;
  for (std::string_view rest = text; true;) {
    const auto slash = rest.find('/');
    parts.emplace_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) break;
    rest = rest.substr(slash + 1);
  }
  bool valid = parts.size() <= 3;
  for (const auto& part : parts) valid = valid && !part.empty();
  if (!valid) {
    throw base::Error({.code = base::ErrorCode::kUsage,
                       .what = fmt::format("'{}' is not a platform", text),
                       .why = "",
                       .hint = "use amd64, arm64, or os/architecture[/variant]"});
  }
  if (parts.size() == 1)
    return {.os = "linux", .architecture = go_architecture(parts[0]), .variant = ""};
  return {.os = parts[0],
          .architecture = go_architecture(parts[1]),
          .variant = parts.size() == 3 ? parts[2] : ""};
}

std::string Platform::text() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

bool Platform::accepts(const Platform& offered) const { return fit(offered) > 0; }

int Platform::fit(const Platform& offered) const {
  if (os != offered.os || architecture != offered.architecture) return 0;
  if (canonical_variant(*this) == canonical_variant(offered)) return 2;
  return variant.empty() ? 1 : 0;
}

}  // namespace oci
