// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace stages {

/// The fraction, from 0 to 1, that a tool's line of progress ends its last "NN%" or "NN.NN%" with;
/// nullopt when the line has none.
std::optional<double> progress_in(std::string_view line);

}  // namespace stages
