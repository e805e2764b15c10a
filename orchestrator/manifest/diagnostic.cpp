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
  const bool says_where = diagnostic.message.starts_with("spec.");
  if (!diagnostic.path.empty() && !says_where) text += base::printable(diagnostic.path) + ": ";
  text += base::printable(diagnostic.message);
  if (!diagnostic.source_line.empty()) text += source_excerpt(diagnostic);
  if (!diagnostic.hint.empty()) text += "\n  " + base::printable(diagnostic.hint);
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
