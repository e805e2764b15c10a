// SPDX-License-Identifier: Apache-2.0
#include "stages/eltorito_image.hpp"

#include <array>

namespace stages {
namespace {

// All that a menu may call: the ISO carries no module files.
constexpr std::array kModules = {
    "biosdisk",     "iso9660",        "ext2",           "fat",    "part_gpt",   "part_msdos",
    "linux",        "boot",           "chain",          "normal", "configfile", "search",
    "search_label", "search_fs_file", "search_fs_uuid", "ls",     "cat",        "echo",
    "test",         "true",           "loadenv",        "gzio",   "gettext",    "font",
    "gfxterm",      "gfxmenu",        "all_video",      "vbe",    "vga",        "serial",
    "terminal",     "sleep",          "reboot",         "halt",   "smbios",     "minicmd",
    "regexp"};

}  // namespace

void make_eltorito_image(base::ProcessRunner& runner, const std::filesystem::path& modules,
                         const std::filesystem::path& output, std::stop_token stop) {
  base::Command command{.program = base::require_program("grub-mkimage", "grub-common").string(),
                        .arguments = {"-O", "i386-pc-eltorito", "-p", "/boot/grub2", "-d",
                                      modules.string(), "-o", output.string()},
                        .environment = {},
                        .working_directory = {},
                        .input = {}};
  command.arguments.insert(command.arguments.end(), kModules.begin(), kModules.end());
  base::run_or_throw(runner, command, base::ErrorCode::kArtifactTool, {}, std::move(stop));
}

}  // namespace stages
