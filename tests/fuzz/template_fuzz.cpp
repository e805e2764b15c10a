// SPDX-License-Identifier: Apache-2.0
// Build definitions with Go's template syntax: rendered or refused, within bounds, no value in an
// error.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "orchestrator/templates/functions.hpp"
#include "orchestrator/templates/render.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using orchestrator::templates::Values;
  constexpr std::string_view kCanary = "<canary>";
  static const Values values = {{"A", "alpha"}, {"B", ""}, {"C", "7"}, {"D", std::string(kCanary)}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto rendered = orchestrator::templates::render(text, values, "it");
    if (rendered.text.size() > orchestrator::templates::kMaxTextBytes) std::abort();
    const auto newlines =
        static_cast<std::size_t>(std::count(rendered.text.begin(), rendered.text.end(), '\n'));
    const bool open = !rendered.text.empty() && rendered.text.back() != '\n';
    if (rendered.lines.size() != newlines + (open ? 1 : 0)) std::abort();
  } catch (const base::Error& error) {
    const bool in_template = text.find(kCanary) != std::string_view::npos;
    if (!in_template && base::render(error).find(kCanary) != std::string::npos) std::abort();
  }
  return 0;
}
