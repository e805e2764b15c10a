// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/stage_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using orchestrator::EventKind;
using orchestrator::StageTree;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr StageTree::Clock::time_point kStart{std::chrono::hours(1)};

orchestrator::Event event(EventKind kind, std::string stage, std::string after = "") {
  return {.kind = kind,
          .artifact = "demo",
          .stage = std::move(stage),
          .text = "",
          .done = 0,
          .total = 0,
          .elapsed = std::chrono::milliseconds(1500),
          .after = std::move(after)};
}

orchestrator::Event progress(std::string stage, std::uint64_t done, std::uint64_t total) {
  auto progress = event(EventKind::kProgress, std::move(stage));
  progress.done = done;
  progress.total = total;
  return progress;
}

StageTree planned_tree() {
  StageTree tree;
  tree.take(event(EventKind::kPlanned, "pull"), kStart);
  tree.take(event(EventKind::kPlanned, "unpack", "pull"), kStart);
  tree.take(event(EventKind::kPlanned, "squashfs", "unpack"), kStart);
  tree.take(event(EventKind::kPlanned, "iso", "squashfs"), kStart);
  tree.take(event(EventKind::kPlanned, "raw-disk", "unpack"), kStart);
  return tree;
}

std::vector<std::string> drawn(const StageTree& tree, std::size_t columns = 80, bool ascii = false,
                               std::size_t lines = 0) {
  std::vector<std::string> text;
  for (const auto& line : tree.draw({.columns = columns, .lines = lines, .ascii = ascii}, kStart)) {
    text.push_back(line.text);
  }
  return text;
}

}  // namespace

TEST(StageTree, StagesStandBelowTheOneTheyWaitFor) {
  auto tree = planned_tree();
  tree.take(event(EventKind::kCached, "pull"), kStart);
  tree.take(event(EventKind::kStarted, "unpack"), kStart);
  tree.take(event(EventKind::kFinished, "unpack"), kStart);

  EXPECT_THAT(drawn(tree), ElementsAre("demo  2 of 5 stages",               //
                                       "└─ pull            cached",         //
                                       "   └─ unpack       done in 1.5 s",  //
                                       "      ├─ squashfs  waits",          //
                                       "      │  └─ iso    waits",          //
                                       "      └─ raw-disk  waits"));
  EXPECT_THAT(drawn(tree, 80, true), ElementsAre("demo  2 of 5 stages",               //
                                                 "`- pull            cached",         //
                                                 "   `- unpack       done in 1.5 s",  //
                                                 "      |- squashfs  waits",          //
                                                 "      |  `- iso    waits",          //
                                                 "      `- raw-disk  waits"));
}

TEST(StageTree, ABarSaysBytesRateAndTimeLeft) {
  auto tree = planned_tree();
  tree.take(event(EventKind::kStarted, "pull"), kStart);
  tree.take(progress("pull", 0, 20 << 20), kStart);
  tree.take(progress("pull", 10 << 20, 20 << 20), kStart + std::chrono::seconds(2));

  EXPECT_THAT(drawn(tree)[1],
              HasSubstr("[======      ] 10.0 MiB of 20.0 MiB, 5.0 MiB/s, 2.0 s left"));
  EXPECT_THAT(drawn(tree, 200)[1], HasSubstr("[====================                    ]"));
}

TEST(StageTree, NoLineIsWiderThanTheTerminal) {
  auto tree = planned_tree();
  tree.take(progress("pull", 1ULL << 33U, 1ULL << 34U), kStart);
  tree.take(progress("pull", (1ULL << 33U) + 1, 1ULL << 34U), kStart + std::chrono::seconds(1));
  for (const std::size_t columns : {1U, 10U, 40U, 79U, 199U}) {
    for (const auto& line : drawn(tree, columns)) {
      EXPECT_LE(orchestrator::columns_of(line), columns) << line;
    }
  }
}

TEST(StageTree, WhereRoomIsShortWhatMovesIsShown) {
  auto tree = planned_tree();
  tree.take(event(EventKind::kCached, "pull"), kStart);
  tree.take(event(EventKind::kStarted, "unpack"), kStart);

  const auto lines = drawn(tree, 80, false, 3);
  ASSERT_LE(lines.size(), 3U);
  EXPECT_THAT(lines.back(), HasSubstr("unpack"));
}

TEST(StageTree, WhatNobodyPlannedGoesWhenItIsOver) {
  StageTree tree;
  auto pull = progress("pull", 1, 2);
  pull.artifact.clear();
  tree.take(pull, kStart);
  EXPECT_THAT(drawn(tree), ElementsAre(HasSubstr("pull  [")));
  EXPECT_TRUE(tree.moves());

  tree.drop_unplanned();
  EXPECT_TRUE(drawn(tree).empty());
}

TEST(StageTree, AFailureStaysInItsPlace) {
  auto tree = planned_tree();
  tree.take(event(EventKind::kStarted, "pull"), kStart);
  tree.take(event(EventKind::kFailed, "pull"), kStart);

  EXPECT_THAT(drawn(tree)[1], HasSubstr("failed after 1.5 s"));
  EXPECT_FALSE(tree.moves());
}
