// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.hpp"

namespace orchestrator::manifest {
namespace {

std::string source_excerpt(const Diagnostic& diagnostic) {
  const auto number = fmt::format("{:>5}", diagnostic.position.line);
  const auto underline = std::string(std::max<std::size_t>(diagnostic.length, 1) - 1, '~');
  return fmt::format("\n{} | {}\n{} | {}^{}", number, base::printable(diagnostic.source_line),
                     std::string(number.size(), ' '), std::string(diagnostic.caret, ' '),
                     underline);
}

std::string path_and_message(const Diagnostic& diagnostic) {
  const bool says_where = diagnostic.message.starts_with("spec.");
  const auto path = diagnostic.path.empty() || says_where ? "" : diagnostic.path + ": ";
  return base::printable(path + diagnostic.message);
}

}  // namespace

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
  }
  return "error";
}

std::string render(const Diagnostic& diagnostic) {
  auto text =
      fmt::format("{}:{}:{}: {}: ", base::printable(diagnostic.file), diagnostic.position.line,
                  diagnostic.position.column, name_of(diagnostic.severity));
  text += path_and_message(diagnostic);
  if (!diagnostic.source_line.empty()) text += source_excerpt(diagnostic);
  if (!diagnostic.hint.empty()) text += "\n  " + base::printable(diagnostic.hint);
  return text;
}

std::string summary(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) {
    if (diagnostic.severity != Severity::kError) continue;
    text += (text.empty() ? "" : "; ") + path_and_message(diagnostic);
  }
  return text;
}

nlohmann::json to_json(const Diagnostic& diagnostic) {
  return {{"severity", name_of(diagnostic.severity)},
          {"file", diagnostic.file},
          {"line", diagnostic.position.line},
          {"column", diagnostic.position.column},
          {"path", diagnostic.path},
          {"message", diagnostic.message},
          {"hint", diagnostic.hint}};
}

}  // namespace orchestrator::manifest
