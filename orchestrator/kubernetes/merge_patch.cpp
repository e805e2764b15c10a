// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/merge_patch.hpp"

namespace orchestrator::kubernetes {

Object merge_patch_between(const Object& before, const Object& after) {
  if (!before.is_object() || !after.is_object()) return after;
  auto patch = Object::object();
  for (const auto& [key, value] : before.items()) {
    if (!after.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : after.items()) {
    const auto known = before.find(key);
    if (known == before.end()) {
      patch[key] = value;
    } else if (*known != value) {
      patch[key] = merge_patch_between(*known, value);
    }
  }
  return patch;
}

}  // namespace orchestrator::kubernetes
