// SPDX-License-Identifier: Apache-2.0
#include "stages/bootloader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <sstream>

#include "base/error.hpp"

namespace stages {
namespace {

/// Where distributions put their EFI programs, best first.
struct EfiPlaces {
  std::string_view fallback_name;
  std::string_view grub_name;
  std::vector<std::string> shims;
  std::vector<std::string> media_grubs;  ///< Built for optical media.
  std::vector<std::string> grubs;
  std::vector<std::string> unsigned_grubs;  ///< One file, prefix /boot/grub, no signature.
};

EfiPlaces amd64_places() {
  return {.fallback_name = "bootx64.efi",
          .grub_name = "grubx64.efi",
          .shims = {"/usr/share/efi/x86_64/shim.efi", "/usr/lib/shim/shimx64.efi.dualsigned",
                    "/usr/lib/shim/shimx64.efi.signed.latest", "/usr/lib/shim/shimx64.efi.signed",
                    "/boot/efi/EFI/fedora/shim.efi", "/boot/efi/EFI/rocky/shim.efi",
                    "/boot/efi/EFI/redhat/shim.efi", "/boot/efi/EFI/redhat/shimx64.efi",
                    "/boot/efi/EFI/almalinux/shim.efi"},
          .media_grubs = {"/usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed"},
          .grubs = {"/usr/share/efi/x86_64/grub.efi",
                    "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
                    "/boot/efi/EFI/fedora/grubx64.efi", "/boot/efi/EFI/rocky/grubx64.efi",
                    "/boot/efi/EFI/redhat/grubx64.efi", "/boot/efi/EFI/almalinux/grubx64.efi",
                    "/usr/lib/grub/x86_64-efi/grubx64.efi"},
          .unsigned_grubs = {"/usr/lib/grub/x86_64-efi/monolithic/gcdx64.efi"}};
}

EfiPlaces arm64_places() {
  return {.fallback_name = "bootaa64.efi",
          .grub_name = "grubaa64.efi",
          .shims = {"/usr/share/efi/aarch64/shim.efi", "/usr/lib/shim/shimaa64.efi.dualsigned",
                    "/usr/lib/shim/shimaa64.efi.signed.latest", "/usr/lib/shim/shimaa64.efi.signed",
                    "/boot/efi/EFI/fedora/shim.efi", "/boot/efi/EFI/rocky/shim.efi",
                    "/boot/efi/EFI/redhat/shim.efi", "/boot/efi/EFI/redhat/shimaa64.efi",
                    "/boot/efi/EFI/almalinux/shim.efi"},
          .media_grubs = {"/usr/lib/grub/arm64-efi-signed/gcdaa64.efi.signed"},
          .grubs = {"/usr/share/efi/aarch64/grub.efi",
                    "/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed",
                    "/boot/efi/EFI/fedora/grubaa64.efi", "/boot/efi/EFI/rocky/grubaa64.efi",
                    "/boot/efi/EFI/redhat/grubaa64.efi", "/boot/efi/EFI/almalinux/grubaa64.efi"},
          .unsigned_grubs = {"/usr/lib/grub/arm64-efi/monolithic/gcdaa64.efi"}};
}

EfiPlaces places_for(Architecture architecture) {
  switch (architecture) {
    case Architecture::kAmd64:
      return amd64_places();
    case Architecture::kArm64:
      return arm64_places();
  }
  return {};
}

/// A tree to look in, and how to call it.
struct Source {
  const RootTree* tree;
  std::string_view name;
};

std::optional<BootFile> first_of(const Source& source, const std::vector<std::string>& places) {
  for (const auto& place : places) {
    if (const auto inside = source.tree->file(place)) {
      return BootFile{.file = source.tree->on_host(*inside),
                      .origin = fmt::format("{} of {}", place, source.name)};
    }
  }
  return std::nullopt;
}

std::vector<std::string> grubs_for(const EfiPlaces& places, BootMedium medium) {
  std::vector<std::string> grubs;
  if (medium == BootMedium::kIso) grubs = places.media_grubs;
  grubs.insert(grubs.end(), places.grubs.begin(), places.grubs.end());
  return grubs;
}

[[noreturn]] void throw_no_bootloader(const EfiPlaces& places,
                                      const std::vector<std::string>& grubs,
                                      Architecture architecture) {
  const bool amd64 = architecture == Architecture::kAmd64;
  throw base::Error(
      {.code = base::ErrorCode::kArtifactTool,
       .what = fmt::format("no EFI bootloader for {}", name_of(architecture)),
       .why = fmt::format("neither the image nor this machine has a pair of these; shim: {}; "
                          "GRUB: {}, {}",
                          fmt::join(places.shims, ", "), fmt::join(grubs, ", "),
                          fmt::join(places.unsigned_grubs, ", ")),
       .hint = amd64 ? "apt-get install shim-signed grub-efi-amd64-signed, here or in the image"
                     : "install shim-signed and grub-efi-arm64-signed in the image"});
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char character) {
    return static_cast<char>(std::tolower(character));
  });
  return text;
}

/// The value of KEY=value or KEY="value" in an os-release(5) file.
std::string value_in(const std::string& content, std::string_view key) {
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key) || line.substr(key.size(), 1) != "=") continue;
    auto value = line.substr(key.size() + 1);
    std::erase_if(value, [](char character) { return character == '"' || character == '\''; });
    return value;
  }
  return {};
}

constexpr std::size_t kMostReleaseBytes = 65536;

/// The value of the first of `keys` that kairos-release(5) has, in lower case; else empty.
std::string value_of_kairos_release(const RootTree& root,
                                    std::initializer_list<std::string_view> keys) {
  const auto release = root.head("/etc/kairos-release", kMostReleaseBytes).value_or("");
  for (const auto key : keys) {
    if (auto value = value_in(release, key); !value.empty()) return lower(value);
  }
  return {};
}

}  // namespace

EfiBootloader find_efi_bootloader(const RootTree& root, Architecture architecture,
                                  BootMedium medium) {
  const RootTree machine("/");
  const auto places = places_for(architecture);
  const auto grubs = grubs_for(places, medium);
  const std::array sources = {Source{&root, "the image"}, Source{&machine, "this machine"}};
  const auto loader = [&](std::optional<BootFile> shim, BootFile grub) {
    return EfiBootloader{.shim = std::move(shim),
                         .grub = std::move(grub),
                         .fallback_name = std::string(places.fallback_name),
                         .grub_name = std::string(places.grub_name)};
  };
  for (const auto& source : sources) {
    auto shim = first_of(source, places.shims);
    auto grub = first_of(source, grubs);
    if (shim && grub) return loader(std::move(shim), *grub);
  }
  for (const auto& source : sources) {
    if (const auto grub = first_of(source, places.unsigned_grubs)) {
      return loader(std::nullopt, *grub);
    }
  }
  throw_no_bootloader(places, grubs, architecture);
}

BootFile find_bios_grub(const RootTree& root) {
  const RootTree machine("/");
  const std::vector<std::string> folders = {"/usr/lib/grub/i386-pc", "/usr/share/grub2/i386-pc",
                                            "/usr/lib/grub2/i386-pc"};
  for (const auto& source : {Source{&machine, "this machine"}, Source{&root, "the image"}}) {
    for (const auto& folder : folders) {
      const auto hybrid = source.tree->file(folder + "/boot_hybrid.img");
      if (!hybrid || !source.tree->file(folder + "/cdboot.img")) continue;
      return {.file = source.tree->on_host(hybrid->parent_path()),
              .origin = fmt::format("{} of {}", folder, source.name)};
    }
  }
  throw base::Error(
      {.code = base::ErrorCode::kArtifactTool,
       .what = "no GRUB for BIOS",
       .why = fmt::format("neither this machine nor the image has boot_hybrid.img and "
                          "cdboot.img in {}",
                          fmt::join(folders, ", ")),
       .hint = "apt-get install grub-pc-bin"});
}

std::string flavor_of(const RootTree& root) {
  if (auto flavor = value_of_kairos_release(root, {"KAIROS_FLAVOR", "FLAVOR"}); !flavor.empty()) {
    return flavor;
  }
  return lower(value_in(root.head("/etc/os-release", kMostReleaseBytes).value_or(""), "ID"));
}

std::string model_of(const RootTree& root) {
  return value_of_kairos_release(root, {"KAIROS_MODEL", "MODEL"});
}

}  // namespace stages
