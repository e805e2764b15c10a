// SPDX-License-Identifier: Apache-2.0
#include "stages/raw_disk_files.hpp"

#include <fmt/format.h>

#include "stages/disk_layout.hpp"

namespace stages {

std::string grub_recovery_finder() {
  return fmt::format(
      "search --no-floppy --label --set=root {}\n"
      "set root=($root)\n"
      "set prefix=($root)/grub2\n"
      "configfile ($root)/etc/cos/grub.cfg\n",
      kRecoveryLabel);
}

std::string reset_config(std::uint64_t state_mib) {
  return fmt::format(R"(name: Expand disk layout and autoreset
stages:
  rootfs.before:
    - name: Add state partition
      layout:
        device:
          label: {0}
        add_partitions:
          - fsLabel: COS_STATE
            pLabel: state
            size: {1}
            filesystem: ext2
          - fsLabel: COS_PERSISTENT
            pLabel: persistent
            filesystem: ext2
  network:
    - name: Trigger udevadm
      commands:
        - udevadm trigger
    - name: Run auto reset
      if: '[ -f "/run/cos/recovery_mode" ] && [ ! -f "/oem/.autoreset.skip" ]'
      commands:
        - kairos-agent --debug reset --unattended --reboot
  after-reset:
    - name: Auto remove this file
      if: '[ -f "/oem/01_reset.yaml" ]'
      commands:
        - rm /oem/01_reset.yaml
)",
                     kRecoveryLabel, state_mib);
}

std::string recovery_grubenv() {
  // Source: GRUB manual, "The GRUB environment block": text, then '#' up to a fixed size.
  constexpr std::size_t kBytes = 1024;
  std::string block = "# GRUB Environment Block\nnext_entry=recovery\n";
  block.resize(kBytes, '#');
  return block;
}

std::string default_cloud_config() {
  return R"(#cloud-config
stages:
  initramfs:
    - name: "Set user and password"
      users:
        kairos:
          passwd: "kairos"
          groups:
            - "admin"
)";
}

}  // namespace stages
