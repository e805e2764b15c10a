// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/systemd_boot.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/disk_bytes.hpp"

namespace stages::uki {
namespace {

constexpr const char* kFolder = "/usr/lib/systemd/boot/efi";
constexpr std::size_t kMostProgramBytes = std::size_t{8} << 20;

struct Names {
  std::string_view stub;
  std::string_view loader;
  std::string_view fallback;
};

Names names_for(Architecture architecture) {
  switch (architecture) {
    case Architecture::kAmd64:
      return {"linuxx64.efi.stub", "systemd-bootx64.efi", "BOOTX64.EFI"};
    case Architecture::kArm64:
      return {"linuxaa64.efi.stub", "systemd-bootaa64.efi", "BOOTAA64.EFI"};
  }
  return {};
}

}  // namespace

std::string fallback_name(Architecture architecture) {
  return std::string(names_for(architecture).fallback);
}

SystemdBoot find_systemd_boot(const RootTree& root, Architecture architecture) {
  const RootTree machine("/");
  const auto names = names_for(architecture);
  const auto stub_place = fmt::format("{}/{}", kFolder, names.stub);
  const auto loader_place = fmt::format("{}/{}", kFolder, names.loader);
  for (const auto* tree : {&root, &machine}) {
    const auto stub = tree->file(stub_place);
    const auto loader = tree->file(loader_place);
    if (!stub || !loader) continue;
    const auto* whose = tree == &root ? "the image" : "this machine";
    return {.stub = {.file = tree->on_host(*stub),
                     .origin = fmt::format("{} of {}", stub_place, whose)},
            .loader = {.file = tree->on_host(*loader),
                       .origin = fmt::format("{} of {}", loader_place, whose)},
            .fallback_name = std::string(names.fallback)};
  }
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("no systemd-boot for {}", name_of(architecture)),
                     .why = fmt::format("neither the image nor this machine has both {} and {}",
                                        stub_place, loader_place),
                     .hint = architecture == Architecture::kAmd64
                                 ? "apt-get install systemd-boot-efi, here or in the image"
                                 : "install systemd-boot-efi in the image"});
}

int systemd_version(const std::filesystem::path& program) {
  // "#### LoaderInfo: systemd-stub 252.38-1 ####". Source: systemd, src/boot/efi/*.c, magic.
  const auto content = base::read_file(program, kMostProgramBytes);
  constexpr std::string_view kMagic = "#### LoaderInfo: systemd-";
  auto place = content.find(kMagic);
  if (place == std::string::npos) return 0;
  place = content.find(' ', place + kMagic.size());
  if (place == std::string::npos) return 0;
  int version = 0;
  std::from_chars(content.data() + place + 1, content.data() + content.size(), version);
  return version;
}

std::string kernel_release(const std::filesystem::path& kernel, const std::string& fallback) {
  constexpr std::size_t kSetupBytes = 0x260;
  constexpr std::size_t kMostReleaseBytes = 128;
  const DiskBytes bytes(kernel);
  if (bytes.size() < kSetupBytes) return fallback;
  const auto setup = bytes.read(0, kSetupBytes);
  if (setup.compare(0x202, 4, "HdrS") != 0) return fallback;
  const auto offset = little_endian(setup, 0x20e, 2) + 0x200;
  if (offset == 0x200 || offset + kMostReleaseBytes > bytes.size()) return fallback;
  const auto text = bytes.read(offset, kMostReleaseBytes);
  const auto release = text.substr(0, text.find_first_of(std::string_view(" \0", 2)));
  return release.empty() || release.size() == kMostReleaseBytes ? fallback : release;
}

}  // namespace stages::uki
