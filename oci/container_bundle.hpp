// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "oci/container.hpp"

namespace oci {

/// What a bundle says besides the container itself.
struct BundleOptions {
  std::filesystem::path root;          ///< The root folder as the runtime is to find it.
  std::vector<ContainerMount> mounts;  ///< The container's, their targets resolved; more first.
  bool seccomp = true;                 ///< The runtime can load a filter.
  std::string apparmor_profile;        ///< Empty: none.
  std::string host_name = "osartifact";
};

/// The config.json of an OCI bundle. Namespaces for processes, mounts, IPC and host name; /proc
/// with what Docker masks, /dev with the usual devices, /sys read-only; no cgroup. A mount carries
/// no option but read-only: propagation is private, and no device of a mounted folder opens.
/// Source: OCI runtime-spec 1.0.2, config.md and config-linux.md.
nlohmann::json bundle_config(const Container& container, const BundleOptions& options);

}  // namespace oci
