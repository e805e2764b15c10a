// SPDX-License-Identifier: Apache-2.0
#include "stages/grub_config.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace stages {
namespace {

/// One way to boot: what follows the title, and the words that make the difference.
struct Entry {
  std::string_view suffix;
  std::string_view words;
};

// The words are those that Kairos's agent, immucore and dracut look for.
constexpr std::array kEntries = {
    Entry{"", "rd.cos.disable install-mode"},
    Entry{" (manual)", "rd.cos.disable"},
    Entry{" (interactive install)", "rd.cos.disable install-mode-interactive"},
    Entry{" (remote recovery mode)", "rd.cos.disable kairos.remote_recovery_mode"},
    Entry{" (boot local node from livecd)", "kairos.boot_live_mode"},
};
constexpr Entry kDebug{" (debug)", "rd.debug rd.shell rd.cos.disable rd.immucore.debug"};
constexpr Entry kToRam{" in RAM: empty disks get a new partition table",
                       "kairos.ram kairos.ram.create_partitions"};

constexpr std::string_view kHead =
    R"(# Made by osartifact. Replace it with spec.artifacts.grubConfig.
search --no-floppy --file --set=root /boot/kernel
set default=0
set timeout_style=menu
)";

// Firmware of EFI machines brings its own serial console; a PC's BIOS does not.
constexpr std::string_view kSerial = R"(
if [ "${grub_platform}" = "pc" ]; then
  if serial --unit=0 --speed=115200; then
    terminal_input console serial
    terminal_output console serial
  fi
fi
)";

// NVIDIA Thor boards die while booting when their unused clocks are switched off.
constexpr std::string_view kThor = R"(
smbios --type 4 --get-string 5 --set model
if [ "${model}" = "Thor" ]; then
  set board_words="pd_ignore_unused clk_ignore_unused console=ttyUTC0,115200 earlycon=tegra_utc,mmio32,0xc5a0000"
  export board_words
fi
)";

std::string one_line(std::string_view text, std::string_view without = "") {
  std::string line;
  for (const char character : text) {
    const bool control = static_cast<unsigned char>(character) < 0x20;
    if (!control && without.find(character) == std::string_view::npos) line += character;
  }
  const auto first = line.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : line.substr(first, line.find_last_not_of(' ') - first + 1);
}

std::string entry_text(const Entry& entry, std::string_view console, const GrubMenuOptions& options,
                       std::string_view indent) {
  const bool amd64 = options.architecture == Architecture::kAmd64;
  const auto extra = one_line(options.extra_words);
  return fmt::format(
      "{0}menuentry \"{1}{2}\" --class os --unrestricted {{\n"
      "{0}  echo \"Loading the kernel\"\n"
      "{0}  linux ($root)/boot/kernel cdroot root=live:CDLABEL={3} rd.live.dir=/"
      " rd.live.squashimg=rootfs.squashfs rd.live.overlay.overlayfs net.ifnames=1 {4} {5}{6}"
      " selinux=0{7}{8}\n"
      "{0}  echo \"Loading the initrd\"\n"
      "{0}  initrd ($root)/boot/initrd\n"
      "{0}}}\n",
      indent, one_line(options.title, "\"'\\$`"), entry.suffix, kIsoLabel, console, entry.words,
      amd64 ? " vga=795 nomodeset" : "", amd64 ? "" : " $board_words",
      extra.empty() ? "" : " " + extra);
}

}  // namespace

std::string grub_live_menu(const GrubMenuOptions& options) {
  const bool amd64 = options.architecture == Architecture::kAmd64;
  const auto console = one_line(options.console);
  auto menu =
      fmt::format("{}set timeout={}\n{}", kHead, options.timeout_seconds, amd64 ? kSerial : kThor);
  for (const auto& entry : kEntries) menu += "\n" + entry_text(entry, console, options, "");
  menu += "\n" + entry_text(kDebug, "console=tty0", options, "");
  // Behind a submenu: it writes to disks.
  menu +=
      fmt::format("\nsubmenu \"{} (boot to RAM)\" --class os --unrestricted {{\n{}}}\n",
                  one_line(options.title, "\"'\\$`"), entry_text(kToRam, console, options, "  "));
  return menu;
}

std::string grub_finder() {
  return "search --no-floppy --file --set=root /boot/kernel\n"
         "set prefix=($root)/boot/grub2\n"
         "configfile $prefix/grub.cfg\n";
}

}  // namespace stages
