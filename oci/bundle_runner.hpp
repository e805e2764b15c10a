// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/temp_dir.hpp"
#include "oci/container.hpp"
#include "oci/overlay_mount.hpp"

namespace oci {

/// Runs containers with runc or crun, from bundles that it writes into memory. The runtime has
/// processes and mounts of its own, so that a container ends with us, however we end, and no mount
/// is seen outside. Cgroups are shown to it read-only: nothing is made there that could be left
/// behind, and it works where nobody may write them. Needs the right to mount.
class BundleRunner final : public ContainerRunner {
 public:
  /// Looks the program up and asks for its version. This process has mounts of its own; `scratch`
  /// and `process` outlive this. Throws base::Error kArtifactTool when there is no such program.
  BundleRunner(Runtime runtime, const std::filesystem::path& scratch, base::ProcessRunner& process);

  [[nodiscard]] Runtime runtime() const override { return runtime_; }
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::vector<std::string> weaknesses() const override;
  base::ProcessResult run(const Container& container, const base::LineSink& on_line,
                          std::stop_token stop) override;

 private:
  [[nodiscard]] base::Command command(const std::filesystem::path& bundle) const;

  Runtime runtime_;
  base::ProcessRunner& process_;
  std::filesystem::path program_;
  bool seccomp_ = false;  ///< Found with the version.
  std::string version_;
  std::string apparmor_profile_;
  std::vector<std::string> cgroup_mounts_;
  base::TempDir folder_;
  Mount memory_;  ///< Over the folder: what a bundle says of an environment meets no disk.
};

}  // namespace oci
