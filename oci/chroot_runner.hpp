// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "oci/container.hpp"

namespace oci {

/// Runs containers by chroot(2), where no namespace may be made: in a pod with Kubernetes' default
/// capabilities. Nothing is mounted: what mounts would show is copied in, and what became of it is
/// copied out again; /proc and /sys are empty; the network and the processes are the host's. What a
/// container leaves running is adopted and killed. CAP_SYS_CHROOT and CAP_MKNOD are taken from it,
/// so that it cannot climb out of its root. Needs CAP_SYS_CHROOT.
class ChrootRunner final : public ContainerRunner {
 public:
  /// `process` outlives this.
  explicit ChrootRunner(base::ProcessRunner& process) : process_(process) {}

  [[nodiscard]] Runtime runtime() const override { return Runtime::kChroot; }
  [[nodiscard]] std::string description() const override;
  [[nodiscard]] std::vector<std::string> weaknesses() const override;
  /// As the interface says; Error kBuildStep also for `network` false, which cannot be had.
  base::ProcessResult run(const Container& container, const base::LineSink& on_line,
                          std::stop_token stop) override;

 private:
  base::ProcessRunner& process_;
};

}  // namespace oci
