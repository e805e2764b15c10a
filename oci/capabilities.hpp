// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oci/container.hpp"

namespace oci {

/// The capabilities of a container, "CAP_CHOWN"..., sorted: Docker's default set, which is
/// Kubernetes' too, without MKNOD, because no device cgroup stands behind it here; then
/// drop_capabilities and add_capabilities. All of them, for a privileged one or by "ALL", are those
/// of this process's bounding set. A runner without a root of its own takes SYS_CHROOT out
/// as well. Throws base::Error kManifest for a name that Linux does not know.
/// Source: capabilities(7).
std::vector<std::string> capabilities_of(const Container& container);

/// Their bits, as capget(2) counts them.
std::uint64_t capability_bits(const std::vector<std::string>& names);

}  // namespace oci
