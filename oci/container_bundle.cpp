// SPDX-License-Identifier: Apache-2.0
#include "oci/container_bundle.hpp"

#include <fmt/format.h>

#include "oci/capabilities.hpp"
#include "oci/seccomp_profile.hpp"

namespace oci {
namespace {

using nlohmann::json;

/// Source: Docker Engine, oci/defaults.go; what they would show belongs to the host.
constexpr const char* kMaskedPaths[] = {
    "/proc/acpi",       "/proc/asound",      "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
constexpr const char* kReadOnlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                          "/proc/sysrq-trigger"};

json mount(const char* target, const char* type, std::vector<std::string> options) {
  return {{"destination", target}, {"type", type}, {"source", type}, {"options", options}};
}

json system_mounts(bool privileged) {
  auto mounts = json::array({mount("/proc", "proc", {"nosuid", "noexec", "nodev"})});
  if (privileged) {
    mounts.push_back({{"destination", "/dev"},
                      {"type", "bind"},
                      {"source", "/dev"},
                      {"options", {"rbind", "rprivate"}}});
  } else {
    mounts.push_back(mount("/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
    mounts.push_back(
        mount("/dev/pts", "devpts",
              {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
    mounts.push_back(
        mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}));
    mounts.push_back(mount("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  }
  mounts.push_back(mount("/sys", "sysfs", {"nosuid", "noexec", "nodev", privileged ? "rw" : "ro"}));
  return mounts;
}

json mount_of(const ContainerMount& wanted) {
  if (wanted.kind == ContainerMount::Kind::kTmpfs) {
    std::vector<std::string> options = {"nosuid", "nodev", "mode=1777"};
    if (wanted.bytes != 0) options.push_back(fmt::format("size={}", wanted.bytes));
    return mount(wanted.target.c_str(), "tmpfs", options);
  }
  const bool recursive = !wanted.read_only || wanted.submounts;
  const char* access = !wanted.read_only ? "rw" : (recursive ? "rro" : "ro");
  return {{"destination", wanted.target},
          {"type", "bind"},
          {"source", wanted.source.string()},
          {"options", {recursive ? "rbind" : "bind", "rprivate", "nodev", access}}};
}

json process_of(const Container& container, const BundleOptions& options,
                const std::vector<std::string>& capabilities) {
  const auto held = container.user == 0 ? json(capabilities) : json::array();
  json process = {
      {"terminal", false},
      {"user",
       {{"uid", container.user},
        {"gid", container.group},
        {"umask", 022},
        {"additionalGids", container.groups}}},
      {"args", container.arguments},
      {"env", container.environment},
      {"cwd", container.working_directory},
      // None is inheritable (CVE-2022-24769).
      {"capabilities", {{"bounding", capabilities}, {"permitted", held}, {"effective", held}}},
      {"noNewPrivileges", container.no_new_privileges && !container.privileged}};
  if (!options.apparmor_profile.empty() && !container.privileged) {
    process["apparmorProfile"] = options.apparmor_profile;
  }
  return process;
}

json linux_of(const Container& container, const BundleOptions& options,
              const std::vector<std::string>& capabilities) {
  auto namespaces =
      json::array({{{"type", "pid"}}, {{"type", "mount"}}, {{"type", "ipc"}}, {{"type", "uts"}}});
  if (!container.network) namespaces.push_back({{"type", "network"}});
  json linux_part = {{"namespaces", namespaces}, {"rootfsPropagation", "private"}};
  if (container.privileged) return linux_part;
  linux_part["maskedPaths"] = kMaskedPaths;
  linux_part["readonlyPaths"] = kReadOnlyPaths;
  if (options.seccomp) linux_part["seccomp"] = seccomp_profile(capabilities);
  return linux_part;
}

}  // namespace

json bundle_config(const Container& container, const BundleOptions& options) {
  const auto capabilities = capabilities_of(container);
  auto mounts = system_mounts(container.privileged);
  for (const auto& wanted : options.mounts) mounts.push_back(mount_of(wanted));
  return {{"ociVersion", "1.0.2"},
          {"hostname", options.host_name},
          {"root", {{"path", options.root.string()}, {"readonly", container.read_only_root}}},
          {"process", process_of(container, options, capabilities)},
          {"mounts", mounts},
          {"linux", linux_of(container, options, capabilities)}};
}

}  // namespace oci
