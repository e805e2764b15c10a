// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace oci {

/// The seccomp filter of a container with these capabilities ("CAP_CHOWN"...), as the runtime-spec
/// writes it: what Docker's default profile lets through passes, what a capability opens passes
/// with that capability, and the rest fails with EPERM (clone3 with ENOSYS, so that libc falls back
/// to clone, whose flags can be looked at). io_uring stays shut. A runtime leaves out names that
/// its libseccomp does not know. Source: Docker Engine, "Seccomp security profiles for Docker".
nlohmann::json seccomp_profile(const std::vector<std::string>& capabilities);

}  // namespace oci
