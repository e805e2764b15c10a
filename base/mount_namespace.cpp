// SPDX-License-Identifier: Apache-2.0
#include "base/mount_namespace.hpp"

#include <sched.h>
#include <sys/mount.h>

namespace base {

bool enter_private_mount_namespace() noexcept {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace base
