// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/templates/value.hpp"

namespace orchestrator::templates {

/// Longest text that a function gives, in bytes; more is a Problem.
inline constexpr std::size_t kMaxTextBytes = 4U << 20;

/// Called with each key that `index` looks for and the map lacks.
using MissingKey = std::function<void(const std::string& key)>;

struct CallContext {
  int line = 0;
  const MissingKey& missing;
};

/// A function that every template has.
struct Function {
  static constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  std::string_view name;
  std::size_t least;  ///< Arguments.
  std::size_t most;
  /// Throws Problem. nullptr for `and` and `or`, which do not look at all of their arguments.
  Value (*call)(const CallContext& context, const std::vector<Value>& arguments);
};

/// nullptr when there is none of that name. Source: Go, text/template, "Functions".
const Function* find_function(std::string_view name);

}  // namespace orchestrator::templates
