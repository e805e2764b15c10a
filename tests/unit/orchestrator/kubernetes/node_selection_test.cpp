// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace orchestrator::kubernetes {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<const Object> node(const std::string& name,
                                   const Object& labels = Object::object()) {
  return std::make_shared<const Object>(Object{{"metadata", {{"name", name}, {"labels", labels}}}});
}

std::vector<std::string> names(const manifest::NodeOp& op,
                               const std::vector<std::shared_ptr<const Object>>& nodes) {
  std::vector<std::string> found;
  for (const auto& chosen : select_nodes(op, nodes)) found.push_back(name_of(*chosen).name);
  return found;
}

TEST(NodeSelection, TakesEveryNodeMastersFirst) {
  const auto nodes = {node("b"), node("z", {{"node-role.kubernetes.io/control-plane", ""}}),
                      node("a"), node("y", {{"node-role.kubernetes.io/master", ""}})};

  EXPECT_THAT(names({}, nodes), ElementsAre("y", "z", "a", "b"));
}

TEST(NodeSelection, TakesWhatIsNamedAndMatches) {
  const auto nodes = {node("a", {{"fake", "true"}}), node("b", {{"fake", "true"}}), node("c")};
  manifest::NodeOp op;
  op.node_selector = {{"matchLabels", {{"fake", "true"}}}};
  EXPECT_THAT(names(op, nodes), ElementsAre("a", "b"));
  op.target_nodes = {"b", "c", "d"};
  EXPECT_THAT(names(op, nodes), ElementsAre("b"));
  op.node_selector = nullptr;
  EXPECT_THAT(names(op, nodes), ElementsAre("b", "c"));
  op.target_nodes = {"d"};
  EXPECT_THAT(names(op, nodes), IsEmpty());
}

TEST(NodeSelection, KnowsTheOperators) {
  struct Row {
    Object expression;
    bool matches;
  };
  const Object labels = {{"disk", "ssd"}, {"empty", ""}};
  const Row rows[] = {
      {{{"key", "disk"}, {"operator", "In"}, {"values", {"hdd", "ssd"}}}, true},
      {{{"key", "disk"}, {"operator", "In"}, {"values", {"hdd", "tape"}}}, false},
      {{{"key", "none"}, {"operator", "In"}, {"values", {"hdd", "ssd"}}}, false},
      {{{"key", "disk"}, {"operator", "NotIn"}, {"values", {"ssd", "hdd"}}}, false},
      {{{"key", "none"}, {"operator", "NotIn"}, {"values", {"ssd", "hdd"}}}, true},
      {{{"key", "empty"}, {"operator", "Exists"}}, true},
      {{{"key", "none"}, {"operator", "Exists"}}, false},
      {{{"key", "none"}, {"operator", "DoesNotExist"}}, true},
      {{{"key", "disk"}, {"operator", "DoesNotExist"}}, false},
      {{{"key", "disk"}, {"operator", "Is"}}, false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(matches({{"matchExpressions", Object::array({row.expression})}}, labels), row.matches)
        << row.expression;
  }
  EXPECT_TRUE(matches(nullptr, nullptr));
  EXPECT_TRUE(matches(Object::object(), labels));
  EXPECT_FALSE(matches({{"matchLabels", {{"disk", "hdd"}}}}, labels));
}

}  // namespace
}  // namespace orchestrator::kubernetes
