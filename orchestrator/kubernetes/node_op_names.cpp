// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/kubernetes/node_op_names.hpp"

#include <fmt/format.h>

#include "orchestrator/kubernetes/object_names.hpp"

namespace orchestrator::kubernetes {
namespace {

constexpr std::size_t kKeyBytes = 5;

}  // namespace

std::string label_value(const std::string& name) { return short_name(name); }

std::string name_for_node(const std::string& name, std::string_view uid, std::string_view node) {
  const auto key = short_digest(fmt::format("{}/{}", uid, node)).substr(0, kKeyBytes);
  return short_name(name, "-" + key);
}

}  // namespace orchestrator::kubernetes
