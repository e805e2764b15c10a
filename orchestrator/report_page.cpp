// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/report_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/format.hpp"

namespace orchestrator {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6676; --line: #d8dee6; --page: #fff; --card: #f5f7fa;
  --done: #2f6fde; --cached: #2e8b57; --failed: #c43434; --warning: #9a6200; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --dim: #97a3b4; --line: #333c48; --page: #14181e;
  --card: #1c222a; --done: #6ea0f5; --cached: #5cbf88; --failed: #f08080; --warning: #e0ad4f; } }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 62rem; color: var(--ink); background: var(--page);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; } .dim { color: var(--dim); }
code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--card); padding: .75rem 1rem; border-radius: 6px; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .3rem .6rem .3rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); } th { color: var(--dim); font-weight: normal; } td.number { text-align: right; white-space: nowrap; }
.bar { position: relative; height: 1.1rem; min-width: 12rem; background: var(--card); border-radius: 3px; }
.bar i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 3px; background: var(--done); }
.bar i.failed { background: var(--failed); } .state-cached { color: var(--cached); } .state-failed { color: var(--failed); }
.error { border-left: 4px solid var(--failed); padding-left: 1rem; } .warning { color: var(--warning); }
</style>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char character : base::printable(text)) {
    switch (character) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += character;
    }
  }
  return out;
}

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? escaped(found->get<std::string>()) : "";
}

std::int64_t number_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

const nlohmann::json& list_at(const nlohmann::json& object, const char* key) {
  static const auto kNone = nlohmann::json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::string duration(std::int64_t milliseconds) {
  return base::format_duration(std::chrono::milliseconds(milliseconds));
}

/// When the last stage ended, milliseconds after the start.
std::int64_t end_of(const nlohmann::json& report) {
  std::int64_t end = 1;
  for (const auto& stage : list_at(report, "stages")) {
    end = std::max(end,
                   number_at(stage, "startedAfterMilliseconds") + number_at(stage, "milliseconds"));
  }
  return end;
}

std::string heading(const nlohmann::json& report) {
  const auto name = text_at(report, "name");
  const bool failed = report.contains("error");
  const auto& image = report.at("image");
  return fmt::format(
      "<title>{} {}</title></head><body>\n<h1>{} <span class=\"state-{}\">{}</span></h1>\n"
      "<p>{}</p><p class=\"dim\"><code>{}</code></p>\n"
      "<p class=\"dim\">{} to {}, osartifact {}</p>\n",
      name, failed ? "failed" : "built", name, failed ? "failed" : "cached",
      failed ? "failed" : "built", text_at(image, "reference"), text_at(image, "digest"),
      text_at(report, "started"), text_at(report, "finished"), text_at(report, "osartifact"));
}

std::string error_box(const nlohmann::json& report) {
  const auto found = report.find("error");
  if (found == report.end()) return "";
  auto box = fmt::format("<div class=\"error\"><h2>{}</h2>\n", text_at(*found, "what"));
  for (const auto& where : list_at(*found, "while")) {
    box += fmt::format("<p class=\"dim\">{}</p>\n", escaped(where.get<std::string>()));
  }
  if (const auto why = text_at(*found, "why"); !why.empty()) {
    box += fmt::format("<pre>{}</pre>\n", why);
  }
  if (const auto hint = text_at(*found, "hint"); !hint.empty()) {
    box += fmt::format("<p>Try: {}</p>\n", hint);
  }
  return box + fmt::format("<p class=\"dim\">exit status {}</p></div>\n",
                           number_at(*found, "exitStatus"));
}

std::string stage_row(const nlohmann::json& stage, std::int64_t end) {
  const auto state = text_at(stage, "state");
  const auto elapsed = number_at(stage, "milliseconds");
  const bool ran = state == "done" || state == "failed";
  const auto percent = [&](std::int64_t milliseconds) {
    return static_cast<double>(milliseconds) * 100 / static_cast<double>(end);
  };
  const auto bar =
      ran ? fmt::format("<i class=\"{}\" style=\"left:{:.2f}%;width:{:.2f}%\"></i>", state,
                        percent(number_at(stage, "startedAfterMilliseconds")), percent(elapsed))
          : "";
  std::string lines;
  for (const auto& fact : list_at(stage, "facts")) {
    lines += fmt::format("<p class=\"dim\">{}</p>", escaped(fact.get<std::string>()));
  }
  for (const auto& warning : list_at(stage, "warnings")) {
    lines +=
        fmt::format("<p class=\"warning\">warning: {}</p>", escaped(warning.get<std::string>()));
  }
  return fmt::format(
      "<tr><td><strong>{}</strong>{}</td><td class=\"state-{}\">{}</td>"
      "<td class=\"number\">{}</td><td><div class=\"bar\">{}</div></td></tr>\n",
      text_at(stage, "name"), lines, state, state, ran ? duration(elapsed) : "", bar);
}

std::string timeline(const nlohmann::json& report) {
  const auto end = end_of(report);
  auto table = fmt::format(
      "<h2>Stages</h2>\n<table><tr><th>stage</th><th>state</th><th>time</th><th>0 to "
      "{}</th></tr>\n",
      duration(end));
  for (const auto& stage : list_at(report, "stages")) table += stage_row(stage, end);
  return table + "</table>\n";
}

std::string artifacts(const nlohmann::json& report) {
  const auto& list = list_at(report, "artifacts");
  if (list.empty()) return "";
  std::string table =
      "<h2>Artifacts</h2>\n<table><tr><th>file</th><th>size</th><th>sha256</th></tr>\n";
  for (const auto& artifact : list) {
    const auto size = static_cast<std::uint64_t>(number_at(artifact, "size"));
    table += fmt::format(
        "<tr><td>{}</td><td class=\"number\">{}</td><td><code>{}</code></td></tr>\n",
        text_at(artifact, "path"), base::format_bytes(size), text_at(artifact, "digest"));
  }
  return table + "</table>\n";
}

}  // namespace

std::string report_page(const nlohmann::json& report) {
  return std::string(kHead) + heading(report) + error_box(report) + artifacts(report) +
         timeline(report) + "</body></html>\n";
}

}  // namespace orchestrator
