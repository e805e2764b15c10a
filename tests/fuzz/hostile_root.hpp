// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/support/layer_root.hpp"

namespace tests {

/// A root for the layers of a fuzzer: aborts where one of them does what no layer may.
class HostileRoot {
 public:
  explicit HostileRoot(bool keep_owners) {
    root_.options = {.keep_owners = keep_owners,
                     .skip_devices = true,
                     .max_bytes = 1U << 20,
                     .max_entries = 300};
    before_ = root_.outside_state();
  }

  [[nodiscard]] std::filesystem::path path() const { return root_.path(); }

  /// False when the layer was refused.
  bool apply(const std::string& tar) {
    bool taken = true;
    try {
      root_.apply_bytes(tar);
    } catch (const base::Error& error) {
      if (error.code() != base::ErrorCode::kIntegrity) {
        std::fputs((base::render(error) + "\n").c_str(), stderr);
        std::abort();
      }
      taken = false;
    }
    if (root_.outside_state() != before_) std::abort();
    return taken;
  }

 private:
  LayerRoot root_;
  std::string before_;
};

}  // namespace tests
