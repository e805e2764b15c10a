// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/manifest/node.hpp"

#include <gtest/gtest.h>

namespace orchestrator::manifest {
namespace {

Node scalar(std::string text, bool plain = true) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.plain = plain;
  node.scalar = std::move(text);
  return node;
}

TEST(Node, ReadsBooleansAsYaml11Does) {
  for (const auto* text : {"true", "True", "TRUE", "yes", "on", "y", "Y", "ON"}) {
    EXPECT_EQ(as_boolean(scalar(text)), true) << text;
  }
  for (const auto* text : {"false", "no", "off", "n", "No", "OFF"}) {
    EXPECT_EQ(as_boolean(scalar(text)), false) << text;
  }
  for (const auto* text : {"tRue", "1", "0", "t", "enabled", ""}) {
    EXPECT_EQ(as_boolean(scalar(text)), std::nullopt) << text;
  }
  EXPECT_EQ(as_boolean(scalar("true", false)), std::nullopt);
}

TEST(Node, ReadsIntegersAsKubernetesDoes) {
  const std::pair<const char*, std::int64_t> rows[] = {{"0", 0},
                                                       {"12", 12},
                                                       {"-7", -7},
                                                       {"+7", 7},
                                                       {"0644", 420},
                                                       {"0o644", 420},
                                                       {"0x1F", 31},
                                                       {"0b101", 5},
                                                       {"1_000", 1000},
                                                       {"3.0", 3},
                                                       {"1e3", 1000},
                                                       {"09", 9},
                                                       {"9223372036854775807", INT64_MAX},
                                                       {"-9223372036854775808", INT64_MIN}};
  for (const auto& [text, value] : rows) EXPECT_EQ(as_integer(scalar(text)), value) << text;
  for (const auto* text :
       {"", "-", "1.5", "0x", "1a", "9223372036854775808", "1e400", ".inf", "--1"}) {
    EXPECT_EQ(as_integer(scalar(text)), std::nullopt) << text;
  }
  EXPECT_EQ(as_integer(scalar("12", false)), std::nullopt);
}

TEST(Node, KnowsTheTypeOfAScalar) {
  const std::pair<const char*, ScalarType> rows[] = {
      {"~", ScalarType::kNull},      {"null", ScalarType::kNull},
      {"off", ScalarType::kBoolean}, {"0777", ScalarType::kInteger},
      {"1.10", ScalarType::kFloat},  {"1.2.3", ScalarType::kString},
      {"v1", ScalarType::kString},   {"2026-01-01", ScalarType::kString},
      {"-", ScalarType::kString}};
  for (const auto& [text, type] : rows) EXPECT_EQ(scalar_type(scalar(text)), type) << text;
  EXPECT_EQ(scalar_type(scalar("1", false)), ScalarType::kString);
}

TEST(Node, TakesNullForAbsent) {
  Node node;
  node.kind = Node::Kind::kMapping;
  node.members.push_back({"a", {}, Node{}});
  node.members.push_back({"b", {}, scalar("x")});

  EXPECT_EQ(node.find("a"), nullptr);
  EXPECT_EQ(node.text_of("b"), "x");
  EXPECT_EQ(node.find_path({"b", "c"}), nullptr);
}

}  // namespace
}  // namespace orchestrator::manifest
