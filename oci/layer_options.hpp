// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace oci {

/// Called with something the user should know and that is not an error.
using Warning = std::function<void(std::string)>;

/// How layers are written. The limits count over all layers of one image.
struct LayerOptions {
  /// false: every file belongs to the caller; needs no privilege. Otherwise owners whose numbers a
  /// user namespace does not know are left out with a warning.
  bool keep_owners = true;
  bool whiteouts = true;  ///< false: `.wh.NAME` is a name like any other.
  /// Of every entry: user and group.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> owner = std::nullopt;
  bool skip_devices = false;  ///< Leave device nodes out with a warning, and do not fail on them.
  std::uint64_t max_bytes = 64ULL << 30;  ///< Of contents, in bytes; holes count.
  std::uint64_t max_entries = 5'000'000;  ///< Entries of all tars, and folders made for them.
  std::uint64_t max_ratio = 200;          ///< Tar bytes per blob byte, looked at past 1 GiB.
};

/// What the calling user can have: root keeps owners and makes device nodes; of anybody else, every
/// file is the user's own and device nodes are left out.
LayerOptions layer_options_of_caller();

/// What of the limits is used up; one for all layers of an image.
struct LayerUsage {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

}  // namespace oci
