// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "base/process.hpp"
#include "oci/container.hpp"

namespace oci {

/// What choosing a runtime needs.
struct RuntimeWish {
  std::optional<Runtime> runtime;  ///< None: the first that works of runc, crun, chroot.
  std::filesystem::path scratch;   ///< A private folder of ours that outlives the runner.
  bool may_mount = false;          ///< This process has mounts of its own and the right to mount.
};

/// A runner that works here: each candidate really runs one trivial container before it is taken.
/// `process` outlives it. Throws base::Error kBuildStep when none works (or the one wished for does
/// not), with each one's reason.
std::unique_ptr<ContainerRunner> choose_runtime(const RuntimeWish& wish,
                                                base::ProcessRunner& process);

}  // namespace oci
