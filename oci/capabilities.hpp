// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oci/container.hpp"

namespace oci {

/// The capabilities of a container, "CAP_CHOWN"..., sorted: Docker's default set, which is
/// Kubernetes' too, without MKNOD, because no device cgroup stands behind it here, or every one of
/// a privileged container; then drop_capabilities and add_capabilities. A runner without a root of
/// its own takes SYS_CHROOT out as well. Throws base::Error kManifest for a name that Linux does
/// not know. Source: capabilities(7).
std::vector<std::string> capabilities_of(const Container& container);

/// Those that nobody here can have, whatever a container asks for: they are not in our bounding
/// set. A runtime that is asked for one fails.
std::vector<std::string> missing_capabilities();

/// Their bits, as capget(2) counts them.
std::uint64_t capability_bits(const std::vector<std::string>& names);

}  // namespace oci
