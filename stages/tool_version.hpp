// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace stages {

/// The version of a program that does our work.
struct ToolVersion {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const ToolVersion&, const ToolVersion&) = default;
};

/// Reads the first "N.N" of what a program says of itself, and throws base::Error kArtifactTool,
/// naming `program`, where there is none or it is older than `least`.
ToolVersion check_version(const std::string& program, std::string_view said, ToolVersion least);

}  // namespace stages
