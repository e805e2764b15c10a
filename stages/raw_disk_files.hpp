// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace stages {

// The small files of a raw disk. Their paths, labels and words are those that GRUB, immucore and
// kairos-agent look for.

/// What GRUB reads first: it finds COS_RECOVERY and goes on to /etc/cos/grub.cfg there.
std::string grub_recovery_finder();

/// /oem/01_reset.yaml: the first boot adds COS_STATE (`state_mib` MiB) and COS_PERSISTENT (the rest
/// of the disk), resets itself onto them, and removes this file.
std::string reset_config(std::uint64_t state_mib);

/// /oem/grubenv, 1024 bytes: the next boot, and that one only, is the recovery system.
std::string recovery_grubenv();

/// /oem/90_custom.yaml where there is no cloud-config: a user to log in as.
std::string default_cloud_config();

}  // namespace stages
