// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "stages/boot_files.hpp"
#include "stages/root_tree.hpp"
#include "stages/uki/initrd.hpp"
#include "stages/uki/uki_keys.hpp"

namespace stages::uki {

/// Words that a Kairos machine is started with from a signed medium. Source: AuroraBoot,
/// pkg/constants, UkiCmdline and UkiCmdlineInstall.
inline constexpr const char* kCommandLine =
    "console=ttyS0 console=tty1 net.ifnames=1 rd.immucore.oemlabel=COS_OEM "
    "rd.immucore.oemtimeout=2 rd.immucore.uki selinux=0 panic=5 rd.shell=0 "
    "systemd.crash_reboot=yes install-mode";

/// What a unified kernel image is made of besides the root itself.
struct UkiContents {
  std::filesystem::path stub;
  std::filesystem::path kernel;
  std::string release;  ///< `uname -r`; empty: not told.
  std::string command_line = kCommandLine;
  std::string os_release;                       ///< Content; empty: none.
  std::optional<std::filesystem::path> splash;  ///< A BMP picture.
};

/// Writes `output`, a signed unified kernel image with the whole of `root` as its initrd. Each byte
/// is written once. The same inputs give the same bytes. Throws base::Error kArtifactTool, kIo,
/// kNoSpace, or kInterrupted on `stop`; what is at `output` then is of no use.
InitrdFacts make_uki(const RootTree& root, const UkiContents& contents, const UkiKeys& keys,
                     const std::filesystem::path& output, const InitrdOptions& options,
                     const InitrdProgress& progress, const std::stop_token& stop);

}  // namespace stages::uki
