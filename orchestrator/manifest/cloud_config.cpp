// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/cloud_config.hpp"

#include <algorithm>
#include <array>

#include "orchestrator/manifest/yaml.hpp"

namespace orchestrator::manifest {
namespace {

std::string_view trimmed_line(const SourceText& source, std::size_t number) {
  auto line = source.line(number);
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line;
}

bool is_jinja_header(std::string_view line) {
  if (!line.starts_with("##")) return false;
  line.remove_prefix(2);
  const auto skip_blanks = [&line] {
    while (line.starts_with(' ')) line.remove_prefix(1);
  };
  skip_blanks();
  if (!line.starts_with("template:")) return false;
  line.remove_prefix(std::string_view("template:").size());
  skip_blanks();
  return line == "jinja";
}

}  // namespace

std::optional<TextProblem> check_cloud_config(std::string_view text) {
  constexpr std::array<std::string_view, 3> kHeaders = {"#cloud-config", "#kairos-config",
                                                        "#node-config"};
  const SourceText source(text);
  const bool is_template = is_jinja_header(trimmed_line(source, 1));
  const auto header = trimmed_line(source, is_template ? 2 : 1);
  if (std::find(kHeaders.begin(), kHeaders.end(), header) == kHeaders.end()) {
    return TextProblem{{is_template ? 2U : 1U, 1},
                       1,
                       "it does not begin with #cloud-config",
                       "make #cloud-config its first line"};
  }
  if (is_template) return source.problem();
  auto parsed = parse_yaml(source);
  if (parsed.fatal) return parsed.fatal;
  if (!parsed.problems.empty()) return parsed.problems.front();
  for (const auto& document : parsed.documents) {
    if (!document.is_mapping()) {
      return TextProblem{document.position, 1, "it is not a mapping", "write it as key: value"};
    }
  }
  return std::nullopt;
}

}  // namespace orchestrator::manifest
