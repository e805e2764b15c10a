// SPDX-License-Identifier: Apache-2.0
#include "stages/bios_boot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/disk_bytes.hpp"

namespace stages {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kCodeEnd = 440;  // The partition table's part of the sector begins here.

// What finds and shows the menu; the rest lies in /grub2/i386-pc.
constexpr std::array kModules = {"biosdisk", "part_gpt", "part_msdos",   "ext2",       "fat",
                                 "normal",   "search",   "search_label", "configfile", "loopback",
                                 "linux",    "echo",     "test",         "serial",     "terminal"};

std::string make_core(base::ProcessRunner& runner, const std::filesystem::path& modules,
                      const std::filesystem::path& work, std::stop_token stop) {
  const auto file = work / "core.img";
  base::Command command{.program = base::require_program("grub-mkimage", "grub-common").string(),
                        .arguments = {"-O", "i386-pc", "-p", "(,gpt3)/grub2", "-d",
                                      modules.string(), "-o", file.string()},
                        .environment = {},
                        .working_directory = {},
                        .input = {}};
  command.arguments.insert(command.arguments.end(), kModules.begin(), kModules.end());
  base::run_or_throw(runner, command, base::ErrorCode::kArtifactTool, {}, std::move(stop));
  constexpr std::size_t kMostBytes = 1U << 20;
  auto core = base::read_file(file, kMostBytes);
  core.resize((core.size() + kSector - 1) / kSector * kSector);
  return core;
}

}  // namespace

void put_bios_grub(base::ProcessRunner& runner, const std::filesystem::path& modules,
                   const std::filesystem::path& disk, const DiskPartition& partition,
                   const std::filesystem::path& work, std::stop_token stop) {
  auto core = make_core(runner, modules, work, std::move(stop));
  auto boot = base::read_file(modules / "boot.img", kSector);
  if (core.size() > partition.bytes || boot.size() != kSector) {
    throw base::Error({.code = base::ErrorCode::kArtifactTool,
                       .what = fmt::format("cannot make {} start from a BIOS", disk.string()),
                       .why = fmt::format("the GRUB of {} does not fit: core of {} bytes, boot.img "
                                          "of {} bytes",
                                          modules.string(), core.size(), boot.size()),
                       .hint = ""});
  }
  const auto first = partition.offset / kSector;
  // boot.img loads the core's first sector, and that one loads the others: sector, count, segment.
  core.replace(
      kSector - 12, 10,
      little_endian_bytes(first + 1, 8) + little_endian_bytes(core.size() / kSector - 1, 2));
  boot.replace(0x5c, 8, little_endian_bytes(first, 8));
  boot.replace(0x64, 1, "\xff");      // From the disk that the BIOS started,
  boot.replace(0x66, 2, "\x90\x90");  // which is a hard disk even where the BIOS says otherwise.
  const base::FileDescriptor fd(::open(disk.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot open {}", disk.string()));
  base::write_all_at(fd.get(), 0, std::string_view(boot).substr(0, kCodeEnd), disk.string());
  base::write_all_at(fd.get(), partition.offset, core, disk.string());
}

}  // namespace stages
