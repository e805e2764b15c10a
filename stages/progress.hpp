// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace stages {

/// The fraction, from 0 to 1, of the first "NN%" or "NN.NN%" in a line of progress of mksquashfs or
/// xorriso; nullopt when the line has none. What follows in xorriso's lines are its buffers.
std::optional<double> progress_in(std::string_view line);

}  // namespace stages
