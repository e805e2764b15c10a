// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <ostream>

#include "base/format.hpp"
#include "base/temp_dir.hpp"
#include "orchestrator/commands/commands.hpp"
#include "stages/artifact_view.hpp"

namespace orchestrator {
namespace {

constexpr int kJsonIndent = 2;

bool is_bytes(std::string_view key) {
  return key == "size" || key == "free" || key == "offset" || key.ends_with("Size");
}

/// Files are foreign: their labels and names must not steer a terminal.
std::string scalar_text(std::string_view key, const stages::ArtifactView& value) {
  if (value.is_number_unsigned() && is_bytes(key)) {
    return base::format_bytes(value.get<std::uint64_t>());
  }
  return value.is_string() ? base::printable(value.get<std::string>()) : value.dump();
}

/// "name efi, size 64.0 MiB": an object on one line.
std::string one_line(const stages::ArtifactView& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key,
                        value.is_object() ? "(" + one_line(value) + ")" : scalar_text(key, value));
  }
  return text;
}

void add_lines(const std::string& key, const stages::ArtifactView& value, std::string& text) {
  constexpr std::size_t kWidth = 13;
  const auto line = [&](std::string_view first, const std::string& rest) {
    text += fmt::format("  {:<{}} {}\n", first, kWidth, rest);
  };
  if (!value.is_array()) {
    line(key, value.is_object() ? one_line(value) : scalar_text(key, value));
    return;
  }
  for (std::size_t index = 0; index < value.size(); ++index) {
    const auto& item = value[index];
    line(index == 0 ? key : "", item.is_object() ? one_line(item) : scalar_text(key, item));
  }
}

std::string view_as_text(const stages::ArtifactView& view) {
  std::string text = fmt::format("{}: {}\n", base::printable(view.at("file").get<std::string>()),
                                 view.at("title").get<std::string>());
  for (const auto& [key, value] : view.items()) {
    if (key != "file" && key != "title") add_lines(key, value, text);
  }
  return text;
}

}  // namespace

int run_inspect_file(Session& session, const Invocation& invocation) {
  const base::TempDir work(base::temp_root(), "inspect");
  const auto view = stages::view_artifact(
      invocation.subject,
      {.runner = session.process(), .work = work.path(), .stop = session.stop()});
  session.environment().out << (invocation.format == "json"
                                    ? view.dump(kJsonIndent, ' ', false,
                                                stages::ArtifactView::error_handler_t::replace) +
                                          "\n"
                                    : view_as_text(view));
  return 0;
}

}  // namespace orchestrator
