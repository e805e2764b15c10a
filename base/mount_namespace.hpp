// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace base {

/// Gives this process mounts of its own, so that what it mounts is seen by nobody else and is gone
/// when it ends, however it ends. Called once, before any thread is started. Returns false where
/// the kernel does not allow it: nothing may be mounted then.
bool enter_private_mount_namespace() noexcept;

}  // namespace base
