// SPDX-License-Identifier: Apache-2.0
// Renders templates for a comparison with Go: reads [{"template" (base64), "values"}] from standard
// input, writes [{"ok", "text" (base64), "error"}].
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "orchestrator/templates/render.hpp"

int main() {
  nlohmann::json answers = nlohmann::json::array();
  for (const auto& question : nlohmann::json::parse(std::cin)) {
    const auto text = base::base64_decode_strict(question.at("template").get<std::string>());
    const auto values = question.at("values").get<orchestrator::templates::Values>();
    try {
      const auto rendered = orchestrator::templates::render(text.value(), values, "it");
      answers.push_back({{"ok", true}, {"text", base::base64_encode(rendered.text)}});
    } catch (const base::Error& error) {
      answers.push_back({{"ok", false}, {"text", ""}, {"error", error.facts().why}});
    }
  }
  std::cout << answers.dump() << '\n';
}
