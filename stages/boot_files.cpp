// SPDX-License-Identifier: Apache-2.0
#include "stages/boot_files.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.hpp"

namespace stages {
namespace {

constexpr std::array<std::string_view, 5> kKernelPrefixes = {"uImage", "Image", "zImage", "vmlinuz",
                                                             "image"};
constexpr std::array<std::string_view, 2> kInitrdPrefixes = {"initrd", "initramfs"};
// Beside a kernel lie its backup, its checksum and its rescue variant.
constexpr std::array<std::string_view, 8> kNotBootedWith = {
    ".old", ".bak", ".hmac", ".sig", ".sha256", "rescue", "kdump", "fallback"};
constexpr std::size_t kMostNamesShown = 20;

/// One name of /boot that may be a kernel or an initrd.
struct Candidate {
  std::string name;
  std::filesystem::path inside;  ///< What it leads to; empty: a link that leads nowhere.
  std::string version;           ///< Of the name, or of the name it leads to.
  bool plain = false;            ///< The name has no version: it is the image's choice.
};

/// "vmlinuz-6.1" -> "6.1"; "initrd.img-6.1" and "initramfs-6.1.img" -> "6.1"; "vmlinuz" -> "".
std::string version_of(std::string_view name, std::string_view prefix) {
  name.remove_prefix(std::min(prefix.size(), name.size()));
  if (name.starts_with(".img")) name.remove_prefix(4);
  if (name.ends_with(".img")) name.remove_suffix(4);
  if (name.ends_with(".gz")) name.remove_suffix(3);
  if (name.starts_with('-')) name.remove_prefix(1);
  return std::string(name);
}

bool is_booted_with(std::string_view name) {
  return std::none_of(kNotBootedWith.begin(), kNotBootedWith.end(), [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  });
}

Candidate candidate_of(const RootTree& root, const std::string& name, std::string_view prefix) {
  Candidate candidate{.name = name, .inside = {}, .version = version_of(name, prefix)};
  candidate.plain = candidate.version.empty();
  if (const auto inside = root.file("/boot/" + name)) {
    candidate.inside = *inside;
    const auto target = inside->filename().string();
    if (candidate.plain && target.starts_with(prefix)) {
      candidate.version = version_of(target, prefix);
    }
  }
  return candidate;
}

/// Candidates in the order of the prefixes; a plain name first, then from newest to oldest.
std::vector<Candidate> candidates(const RootTree& root, const std::vector<std::string>& names,
                                  std::span<const std::string_view> prefixes) {
  std::vector<Candidate> all;
  for (const auto prefix : prefixes) {
    std::vector<Candidate> found;
    for (const auto& name : names) {
      if (name.starts_with(prefix) && is_booted_with(name)) {
        found.push_back(candidate_of(root, name, prefix));
      }
    }
    std::sort(found.begin(), found.end(), [](const Candidate& left, const Candidate& right) {
      if (left.plain != right.plain) return left.plain;
      return ::strverscmp(left.version.c_str(), right.version.c_str()) > 0;
    });
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::string places_looked_at(const RootTree& root, std::span<const std::string_view> prefixes,
                             const std::vector<std::string>& names) {
  std::vector<std::string> places;
  for (const auto prefix : prefixes) places.push_back(fmt::format("/boot/{}*", prefix));
  std::string found = "there is no folder /boot";
  if (root.has_name("/boot")) {
    const std::vector<std::string> shown(
        names.begin(),
        names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMostNamesShown)));
    found =
        shown.empty() ? "/boot is empty" : fmt::format("/boot holds {}", fmt::join(shown, ", "));
  }
  return fmt::format("looked for {}; {}", fmt::join(places, ", "), found);
}

[[noreturn]] void throw_missing(std::string_view kind, std::string why) {
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = fmt::format("the image has no {}", kind),
                     .why = std::move(why),
                     .hint = fmt::format("a bootable artifact needs an image with {} {} in /boot",
                                         kind == "initrd" ? "an" : "a", kind)});
}

/// Candidates that lead to a file. A plain name that leads nowhere is an error, not a wish to
/// guess.
std::vector<Candidate> usable(const RootTree& root, std::string_view kind,
                              const std::vector<std::string>& names,
                              std::span<const std::string_view> prefixes) {
  auto all = candidates(root, names, prefixes);
  for (const auto& candidate : all) {
    if (candidate.plain && candidate.inside.empty()) {
      throw_missing(kind, fmt::format("/boot/{} leads to no file inside the image, or to an empty "
                                      "one; {}",
                                      candidate.name, places_looked_at(root, prefixes, names)));
    }
  }
  std::erase_if(all, [](const Candidate& candidate) { return candidate.inside.empty(); });
  if (all.empty()) throw_missing(kind, places_looked_at(root, prefixes, names));
  return all;
}

const Candidate* of_version(const std::vector<Candidate>& all, std::string_view version) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Candidate& candidate) {
    return !version.empty() && candidate.version == version;
  });
  return found == all.end() ? nullptr : &*found;
}

const Candidate& choose_kernel(const std::vector<Candidate>& kernels,
                               const std::vector<Candidate>& initrds) {
  if (kernels.front().plain) return kernels.front();
  for (const auto& kernel : kernels) {
    if (of_version(initrds, kernel.version) != nullptr) return kernel;
  }
  return kernels.front();
}

BootFile boot_file(const RootTree& root, const std::filesystem::path& inside) {
  return {.file = root.on_host(inside), .origin = inside.string() + " of the image"};
}

/// Whether anything in the image could have put a live module into its initrd. Looking into the
/// initrd itself would mean to decompress it.
bool can_boot_live(const RootTree& root) {
  constexpr std::array kSigns = {"/usr/bin/immucore",
                                 "/usr/lib/dracut/modules.d/90dmsquash-live",
                                 "/usr/lib/dracut/modules.d/70dmsquash-live",
                                 "/usr/lib/live/boot",
                                 "/usr/share/initramfs-tools/scripts/live",
                                 "/usr/share/mkinitfs/initramfs-init"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](const char* sign) { return root.has_name(sign); });
}

bool begins_with_one_of(std::string_view name, std::span<const std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace

KernelAndInitrd find_kernel(const RootTree& root) {
  const auto names = root.names("/boot");
  const auto kernels = usable(root, "kernel", names, kKernelPrefixes);
  const auto initrds = usable(root, "initrd", names, kInitrdPrefixes);
  const auto& kernel = choose_kernel(kernels, initrds);
  const auto* same = of_version(initrds, kernel.version);
  const auto& initrd = same != nullptr ? *same : initrds.front();

  KernelAndInitrd found{.kernel = boot_file(root, kernel.inside),
                        .initrd = boot_file(root, initrd.inside),
                        .version = kernel.version,
                        .warnings = {}};
  if (!kernel.version.empty() && !initrd.version.empty() && kernel.version != initrd.version) {
    found.warnings.push_back(
        fmt::format("the kernel is {} but the initrd is for {}", kernel.version, initrd.version));
  }
  if (!can_boot_live(root)) {
    found.warnings.emplace_back(
        "nothing in the image suggests an initrd that can boot live (dracut's dmsquash-live, "
        "immucore, live-boot)");
  }
  return found;
}

Kernel find_kernel_alone(const RootTree& root) {
  const auto kernel = usable(root, "kernel", root.names("/boot"), kKernelPrefixes).front();
  return {.file = boot_file(root, kernel.inside), .version = kernel.version};
}

bool is_kernel_name(std::string_view name) {
  return begins_with_one_of(name, kKernelPrefixes) && is_booted_with(name);
}

bool is_initrd_name(std::string_view name) {
  return begins_with_one_of(name, kInitrdPrefixes) && is_booted_with(name);
}

}  // namespace stages
