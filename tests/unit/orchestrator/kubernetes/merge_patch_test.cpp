// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/merge_patch.hpp"

#include <gtest/gtest.h>

namespace orchestrator::kubernetes {
namespace {

TEST(MergePatch, MakesTheOneOfTheOther) {
  const Object values[] = {
      Object::object(),
      {{"a", 1}},
      {{"a", 2}, {"b", {{"c", 3}}}},
      {{"b", {{"d", "x"}}}},
      {{"b", Object::array({1, 2})}},
      {{"b", Object::object()}},
  };
  for (const auto& before : values) {
    for (const auto& after : values) {
      auto patched = before;
      const auto patch = merge_patch_between(before, after);
      patched.merge_patch(patch);

      EXPECT_EQ(patched, after) << before << " " << patch;
      EXPECT_EQ(patch.empty(), before == after);
    }
  }
}

}  // namespace
}  // namespace orchestrator::kubernetes
