// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "base/handle.hpp"
#include "oci/container.hpp"
#include "oci/mount_points.hpp"

namespace oci {

/// What a mount would show, copied to where it would show it: for where nothing may be mounted.
/// What is there meanwhile steps aside, in the same folder, and comes back when this dies; nothing
/// outside the root is touched, whatever ran in between.
class StandIn {
 public:
  /// `mount.target` is a path that MountPoints::add() gave, and exists. Throws base::Error
  /// kBuildStep when what is there cannot step aside; kIo, kNoSpace.
  StandIn(const MountPoints& points, ContainerMount mount);
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;
  StandIn(StandIn&&) = delete;
  StandIn& operator=(StandIn&&) = delete;
  ~StandIn();

  /// Copies what became of a writable one back to the mount's source, and steps back: what was
  /// shown is gone when this returns. Throws base::Error kIo, kNoSpace.
  void finish();

 private:
  void copy_in();
  void write_back() const;
  void step_back();
  [[nodiscard]] std::filesystem::path here() const;

  ContainerMount mount_;
  base::FileDescriptor folder_;  ///< That the target stands in.
  std::string name_;
  std::string aside_;  ///< The name of what stepped aside; empty: it is back.
  struct stat folder_before_ {};
};

}  // namespace oci
