// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "base/handle.hpp"
#include "oci/mount_points.hpp"

namespace oci {

/// The devices that every program expects (null, zero, full, random, urandom, tty), made in the
/// root's /dev where they are missing and taken away again when this dies. Where no device may be
/// made or opened, null is an empty file instead.
class DeviceNodes {
 public:
  /// /dev exists. Throws base::Error kIo.
  explicit DeviceNodes(const MountPoints& points);
  DeviceNodes(const DeviceNodes&) = delete;
  DeviceNodes& operator=(const DeviceNodes&) = delete;
  DeviceNodes(DeviceNodes&&) = delete;
  DeviceNodes& operator=(DeviceNodes&&) = delete;
  ~DeviceNodes();

 private:
  void make(const char* name, unsigned minor, unsigned major);
  void note(const char* name);

  base::FileDescriptor folder_;
  struct stat before_ {};
  std::vector<std::pair<std::string, struct stat>> made_;
};

}  // namespace oci
