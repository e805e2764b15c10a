// SPDX-License-Identifier: Apache-2.0
#include "oci/capabilities.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

#include "base/error.hpp"

namespace oci {
namespace {

constexpr std::string_view kPrefix = "CAP_";

/// In the order of their numbers. Source: linux/capability.h.
constexpr std::array<std::string_view, 41> kNames = {"CHOWN",
                                                     "DAC_OVERRIDE",
                                                     "DAC_READ_SEARCH",
                                                     "FOWNER",
                                                     "FSETID",
                                                     "KILL",
                                                     "SETGID",
                                                     "SETUID",
                                                     "SETPCAP",
                                                     "LINUX_IMMUTABLE",
                                                     "NET_BIND_SERVICE",
                                                     "NET_BROADCAST",
                                                     "NET_ADMIN",
                                                     "NET_RAW",
                                                     "IPC_LOCK",
                                                     "IPC_OWNER",
                                                     "SYS_MODULE",
                                                     "SYS_RAWIO",
                                                     "SYS_CHROOT",
                                                     "SYS_PTRACE",
                                                     "SYS_PACCT",
                                                     "SYS_ADMIN",
                                                     "SYS_BOOT",
                                                     "SYS_NICE",
                                                     "SYS_RESOURCE",
                                                     "SYS_TIME",
                                                     "SYS_TTY_CONFIG",
                                                     "MKNOD",
                                                     "LEASE",
                                                     "AUDIT_WRITE",
                                                     "AUDIT_CONTROL",
                                                     "SETFCAP",
                                                     "MAC_OVERRIDE",
                                                     "MAC_ADMIN",
                                                     "SYSLOG",
                                                     "WAKE_ALARM",
                                                     "BLOCK_SUSPEND",
                                                     "AUDIT_READ",
                                                     "PERFMON",
                                                     "BPF",
                                                     "CHECKPOINT_RESTORE"};

/// Source: Docker Engine, "Runtime privilege and Linux capabilities".
constexpr std::array<std::string_view, 13> kDefaults = {
    "CHOWN",   "DAC_OVERRIDE", "FSETID",           "FOWNER",     "NET_RAW", "SETGID",     "SETUID",
    "SETFCAP", "SETPCAP",      "NET_BIND_SERVICE", "SYS_CHROOT", "KILL",    "AUDIT_WRITE"};

/// The number, given with or without the prefix, in either case.
std::size_t number_of(std::string_view text) {
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char character) {
    return static_cast<char>(std::toupper(character));
  });
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return static_cast<std::size_t>(found - kNames.begin());
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = fmt::format("there is no capability '{}'", text),
                     .why = "",
                     .hint = "capabilities(7) lists them"});
}

bool is_all(std::string_view text) { return text == "ALL" || text == "all" || text == "CAP_ALL"; }

std::set<std::size_t> every_number() {
  std::set<std::size_t> all;
  for (std::size_t number = 0; number < kNames.size(); ++number) all.insert(number);
  return all;
}

std::set<std::size_t> numbers_of(const Container& container) {
  auto numbers = container.privileged ? every_number() : std::set<std::size_t>();
  for (const auto name : kDefaults) numbers.insert(number_of(name));
  for (const auto& name : container.drop_capabilities) {
    if (is_all(name)) {
      numbers.clear();
    } else {
      numbers.erase(number_of(name));
    }
  }
  for (const auto& name : container.add_capabilities) {
    if (is_all(name)) return every_number();
    numbers.insert(number_of(name));
  }
  return numbers;
}

}  // namespace

std::vector<std::string> capabilities_of(const Container& container) {
  std::vector<std::string> names;
  for (const auto number : numbers_of(container)) {
    names.push_back(fmt::format("{}{}", kPrefix, kNames.at(number)));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> missing_capabilities() {
  std::vector<std::string> names;
  for (const auto number : every_number()) {
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) continue;
    names.push_back(fmt::format("{}{}", kPrefix, kNames.at(number)));
  }
  return names;
}

std::uint64_t capability_bits(const std::vector<std::string>& names) {
  std::uint64_t bits = 0;
  for (const auto& name : names) bits |= std::uint64_t{1} << number_of(name);
  return bits;
}

}  // namespace oci
