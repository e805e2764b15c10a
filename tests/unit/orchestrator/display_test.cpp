// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/display.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace {

orchestrator::Event event(orchestrator::EventKind kind, std::string text) {
  return {.kind = kind,
          .artifact = "demo",
          .stage = "pull",
          .text = std::move(text),
          .done = 10,
          .total = 20,
          .elapsed = std::chrono::milliseconds(1500)};
}

std::string shown(orchestrator::ProgressMode mode, const orchestrator::Event& what) {
  std::ostringstream out;
  orchestrator::make_display(mode, out, false)->take(what);
  return out.str();
}

}  // namespace

TEST(Display, PlainLinesHaveNoControlCharacters) {
  using orchestrator::EventKind;
  using orchestrator::ProgressMode;

  EXPECT_EQ(shown(ProgressMode::kPlain, event(EventKind::kFact, "a\x1b[31mb")),
            "demo pull          a\\x1b[31mb\n");
  EXPECT_EQ(shown(ProgressMode::kPlain, event(EventKind::kFinished, "")),
            "demo pull          done in 1.5 s\n");
  EXPECT_EQ(shown(ProgressMode::kPlain, event(EventKind::kProgress, "")), "");
}

TEST(Display, JsonIsOneObjectPerLine) {
  const auto line = nlohmann::json::parse(
      shown(orchestrator::ProgressMode::kJson, event(orchestrator::EventKind::kProgress, "")));

  EXPECT_EQ(line.at("event"), "progress");
  EXPECT_EQ(line.at("artifact"), "demo");
  EXPECT_EQ(line.at("done"), 10);
  EXPECT_EQ(line.at("total"), 20);
}
