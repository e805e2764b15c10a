// SPDX-License-Identifier: Apache-2.0
#include "stages/architecture.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "base/error.hpp"

namespace stages {
namespace {

constexpr std::array kWellKnownPrograms = {
    "/sbin/init",         "/bin/sh",           "/usr/lib/systemd/systemd",
    "/usr/bin/env",       "/usr/bin/immucore", "/usr/bin/kairos-agent",
    "/usr/sbin/ldconfig", "/bin/busybox",
};

template <typename T>
T read_at(std::string_view bytes, std::size_t offset) {
  T value{};
  if (offset + sizeof(T) <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::optional<Architecture> from_elf_machine(std::uint16_t machine) {
  if (machine == EM_X86_64) return Architecture::kAmd64;
  if (machine == EM_AARCH64) return Architecture::kArm64;
  return std::nullopt;
}

base::Error mismatch(std::string what, std::string why) {
  return base::Error({.code = base::ErrorCode::kArtifactTool,
                      .what = std::move(what),
                      .why = std::move(why),
                      .hint = "use an image of that architecture, or ask for the image's own one"});
}

}  // namespace

std::string_view name_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::kAmd64:
      return "amd64";
    case Architecture::kArm64:
      return "arm64";
  }
  return "";
}

Architecture parse_architecture(std::string_view name) {
  if (name == "amd64" || name == "x86_64") return Architecture::kAmd64;
  if (name == "arm64" || name == "aarch64") return Architecture::kArm64;
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = fmt::format("cannot make artifacts for architecture \"{}\"", name),
                     .why = "",
                     .hint = "use amd64 or arm64"});
}

std::optional<Architecture> architecture_of_tree(const RootTree& root) {
  for (const char* program : kWellKnownPrograms) {
    const auto head = root.head(program, sizeof(Elf64_Ehdr));
    if (!head || !head->starts_with(std::string_view(ELFMAG, SELFMAG))) continue;
    const auto machine = read_at<std::uint16_t>(*head, offsetof(Elf64_Ehdr, e_machine));
    if (const auto architecture = from_elf_machine(machine)) return architecture;
    throw base::Error({.code = base::ErrorCode::kUnsupported,
                       .what = fmt::format("cannot make artifacts from {}", root.path().string()),
                       .why = fmt::format("{} is for ELF machine {}", program, machine),
                       .hint = "use an image for amd64 or arm64"});
  }
  return std::nullopt;
}

std::optional<Architecture> architecture_of_kernel(std::string_view head) {
  constexpr std::size_t kX86Magic = 0x202;
  constexpr std::size_t kArm64Magic = 0x38;
  constexpr std::size_t kPeOffset = 0x3c;
  constexpr std::uint16_t kPeAmd64 = 0x8664;
  constexpr std::uint16_t kPeArm64 = 0xaa64;
  if (head.substr(std::min(kX86Magic, head.size()), 4) == "HdrS") return Architecture::kAmd64;
  if (head.substr(std::min(kArm64Magic, head.size()), 4) == "ARM\x64") return Architecture::kArm64;
  if (!head.starts_with("MZ")) return std::nullopt;
  const std::size_t pe = read_at<std::uint32_t>(head, kPeOffset);
  if (pe + 6 > head.size() || head.substr(pe, 2) != "PE") return std::nullopt;
  const auto machine = read_at<std::uint16_t>(head, pe + 4);
  if (machine == kPeAmd64) return Architecture::kAmd64;
  if (machine == kPeArm64) return Architecture::kArm64;
  return std::nullopt;
}

void check_architecture(const RootTree& root, std::string_view kernel_head, Architecture wanted) {
  const auto tree = architecture_of_tree(root);
  if (tree && *tree != wanted) {
    throw mismatch(fmt::format("cannot make an artifact for {}", name_of(wanted)),
                   fmt::format("the image's programs are for {}", name_of(*tree)));
  }
  const auto kernel = architecture_of_kernel(kernel_head);
  if (kernel && *kernel != wanted) {
    throw mismatch(fmt::format("cannot make an artifact for {}", name_of(wanted)),
                   fmt::format("the image's kernel is for {}", name_of(*kernel)));
  }
}

}  // namespace stages
