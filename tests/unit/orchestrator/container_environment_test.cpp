// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/container_environment.hpp"

#include <gtest/gtest.h>

using orchestrator::expand_references;

TEST(ContainerEnvironment, PutsVariablesInAsKubernetesDoes) {
  const std::vector<orchestrator::ContainerVariable> known = {
      {.name = "A", .value = base::Secret("one")}, {.name = "B", .value = base::Secret("two")}};
  const auto expanded = [&](const std::string& text) {
    return expand_references(text, known).reveal();
  };

  EXPECT_EQ(expanded("$(A)-$(B)"), "one-two");
  EXPECT_EQ(expanded("$$(A) $(NO) $A $ $( $(A"), "$(A) $(NO) $A $ $( $(A");
  EXPECT_EQ(expanded("$$$(A)"), "$one");
  EXPECT_EQ(expanded(""), "");
}
