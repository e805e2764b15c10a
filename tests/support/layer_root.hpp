// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "base/temp_dir.hpp"
#include "oci/layer_options.hpp"
#include "tests/support/tar_zoo.hpp"

namespace tests {

/// A folder to apply layers into, and beside it files that no layer may reach.
class LayerRoot {
 public:
  LayerRoot();

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "root"; }
  /// A folder of the host with `etc/passwd` in it, and that text again beside the root.
  [[nodiscard]] std::filesystem::path outside() const { return folder_.path() / "outside"; }
  /// All that stat tells of what lies outside, times of change too: also that nothing was written
  /// and put back.
  [[nodiscard]] std::string outside_state() const;

  /// Throws what apply_layer() throws.
  void apply_bytes(const std::string& tar);
  void apply(const std::vector<ZooEntry>& layer) { apply_bytes(zoo_tar(layer)); }
  /// What is wrong with the layer; "nothing was thrown" when nothing is. Anything but kIntegrity
  /// passes.
  std::string reason_of(const std::vector<ZooEntry>& layer);
  /// Begins again with an empty root and unused limits.
  void clear();
  /// After something was mounted at path().
  void open_root();

  [[nodiscard]] std::string read(const std::string& path) const;
  [[nodiscard]] bool exists(const std::string& path) const;
  /// Of the name itself. Throws when there is none.
  [[nodiscard]] struct stat status(const std::string& path) const;

  oci::LayerOptions options;
  oci::LayerUsage usage;
  std::vector<std::string> warnings;

 private:
  base::TempDir folder_;
  base::FileDescriptor root_;
};

}  // namespace tests
