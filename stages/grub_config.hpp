// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "stages/architecture.hpp"

namespace stages {

/// The label that live systems look for. Kernel line, volume and menu must agree on it.
inline constexpr const char* kIsoLabel = "COS_LIVE";

struct GrubMenuOptions {
  Architecture architecture = Architecture::kAmd64;
  std::string title = "Kairos";
  std::string console = "console=ttyS0 console=tty1";  ///< Words for the kernel.
  std::string extra_words;                             ///< More words for every entry.
  unsigned timeout_seconds = 5;
};

/// The menu of a live ISO, /boot/grub2/grub.cfg. Words and title lose their line ends and, the
/// title, its quotes: a value is never more than a value.
std::string grub_live_menu(const GrubMenuOptions& options);

/// The small file that GRUB reads first, wherever the firmware started it from: it finds the medium
/// by /boot/kernel and goes on to the menu there.
std::string grub_finder();

}  // namespace stages
