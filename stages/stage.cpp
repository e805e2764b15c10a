// SPDX-License-Identifier: Apache-2.0
#include "stages/stage.hpp"

#include "base/error.hpp"

namespace stages {

void check_stop(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw base::Error(
      {.code = base::ErrorCode::kInterrupted, .what = "stopped", .why = "", .hint = ""});
}

}  // namespace stages
