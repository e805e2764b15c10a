// SPDX-License-Identifier: Apache-2.0
#include "oci/bundle_runner.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "oci/capabilities.hpp"
#include "oci/container_bundle.hpp"
#include "oci/json.hpp"
#include "oci/mount_points.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxSmallFile = std::size_t{1} << 20;
constexpr const char* kCgroupFolder = "/sys/fs/cgroup";
constexpr const char* kHostName = "osartifact";
constexpr unsigned kPrivate = 0600;

/// Where control groups are mounted, nested ones last. Source: proc(5), mountinfo.
std::vector<std::string> find_cgroup_mounts() {
  std::vector<std::string> mounts;
  std::istringstream lines(base::read_file("/proc/self/mountinfo", kMaxSmallFile));
  for (std::string line; std::getline(lines, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos || line.compare(separator + 3, 6, "cgroup") != 0) continue;
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) fields >> field;  // ID, parent, device, root, mount point.
    mounts.push_back(field);
  }
  return mounts;
}

/// The profile that Docker or containerd has loaded for its containers; empty: none.
std::string loaded_apparmor_profile() {
  const auto profiles =
      base::read_file_if_exists("/sys/kernel/security/apparmor/profiles", kMaxSmallFile);
  for (const std::string name : {"docker-default", "cri-containerd.apparmor.d"}) {
    if (profiles && profiles->find(name + " (enforce)") != std::string::npos) return name;
  }
  return "";
}

std::string version_of(base::ProcessRunner& process, const fs::path& program, bool& seccomp) {
  const auto result = base::run_or_throw(process,
                                         {.program = program.string(),
                                          .arguments = {"--version"},
                                          .environment = {},
                                          .working_directory = {},
                                          .input = {}},
                                         base::ErrorCode::kArtifactTool, {}, {});
  const auto& text = result.standard_output;
  // runc names its libseccomp, crun its "+SECCOMP".
  seccomp =
      text.find("libseccomp") != std::string::npos || text.find("+SECCOMP") != std::string::npos;
  const auto line = text.substr(0, text.find('\n'));
  return line.substr(line.rfind(' ') + 1);
}

bool lies_beneath(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder.ends_with('/') ? folder : folder + "/");
}

/// The system's own mounts and those that came before show something else there: the runtime makes
/// the rest of the path in them.
bool is_made_elsewhere(const std::string& target, const std::vector<ContainerMount>& before) {
  for (const auto* folder : {"/proc", "/dev", "/sys"}) {
    if (lies_beneath(target, folder)) return true;
  }
  return std::any_of(before.begin(), before.end(), [&](const ContainerMount& mount) {
    return target != mount.target && lies_beneath(target, mount.target);
  });
}

/// Privileged is what we can give.
Container possible(Container container) {
  if (container.privileged) container.drop_capabilities = missing_capabilities();
  return container;
}

/// A file of the host's, copied, so that the container may change what it sees.
ContainerMount host_file(const fs::path& bundle, const std::string& path, std::string more) {
  auto text = base::read_file_if_exists(path, kMaxSmallFile).value_or("");
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  const auto copy = bundle / fs::path(path).filename();
  base::write_file_atomically(copy, text + std::move(more));
  return {.kind = ContainerMount::Kind::kBind,
          .source = copy,
          .target = path,
          .read_only = false,
          .bytes = 0};
}

/// Every mount, resolved, with a place in the root to be put at.
std::vector<ContainerMount> place_mounts(const Container& container, const fs::path& bundle,
                                         MountPoints& points) {
  for (const auto* folder : {"/proc", "/dev", "/sys"}) {
    points.add(folder, MountPoints::Kind::kFolder);
  }
  std::vector<ContainerMount> wanted;
  const auto is_given = [&](const std::string& path) {
    return std::any_of(container.mounts.begin(), container.mounts.end(),
                       [&](const auto& mount) { return lies_beneath(path, mount.target); });
  };
  if (!is_given("/etc/resolv.conf")) wanted.push_back(host_file(bundle, "/etc/resolv.conf", ""));
  if (!is_given("/etc/hosts")) {
    wanted.push_back(host_file(bundle, "/etc/hosts", fmt::format("127.0.0.1\t{}\n", kHostName)));
  }
  wanted.insert(wanted.end(), container.mounts.begin(), container.mounts.end());
  std::vector<ContainerMount> placed;
  for (auto& mount : wanted) {
    mount.target = points.resolve(mount.target);
    if (!is_made_elsewhere(mount.target, placed)) {
      const bool folder =
          mount.kind == ContainerMount::Kind::kTmpfs || fs::is_directory(mount.source);
      points.add(mount.target, folder ? MountPoints::Kind::kFolder : MountPoints::Kind::kFile);
    }
    placed.push_back(std::move(mount));
  }
  return placed;
}

/// Why the runtime could not start it, in its own words; nullopt when it did.
std::optional<std::string> start_failure(const fs::path& log) {
  std::istringstream lines(base::read_file_if_exists(log, kMaxSmallFile).value_or(""));
  std::optional<std::string> failure;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    if (!entry.is_object() || entry.value("level", "") != "error") continue;
    failure = entry.value("msg", "");
  }
  return failure;
}

}  // namespace

BundleRunner::BundleRunner(Runtime runtime, const fs::path& scratch, base::ProcessRunner& process)
    : runtime_(runtime),
      process_(process),
      program_(base::require_program(std::string(name_of(runtime)), name_of(runtime))),
      version_(version_of(process, program_, seccomp_)),
      apparmor_profile_(loaded_apparmor_profile()),
      cgroup_mounts_(find_cgroup_mounts()),
      folder_(scratch, name_of(runtime)),
      memory_(mount_memory(folder_.path())) {
  seccomp_ = seccomp_ && ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

std::string BundleRunner::description() const {
  return fmt::format("{} {}: namespaces, {}, {}", name_of(runtime_), version_,
                     seccomp_ ? "seccomp" : "no seccomp",
                     apparmor_profile_.empty() ? "no AppArmor profile loaded here"
                                               : "AppArmor profile " + apparmor_profile_);
}

std::vector<std::string> BundleRunner::weaknesses() const {
  if (seccomp_) return {};
  return {fmt::format("containers run without a seccomp filter: {} {} or this kernel has none",
                      name_of(runtime_), version_)};
}

base::Command BundleRunner::command(const fs::path& bundle) const {
  base::Command command{.program = program_.string(),
                        .arguments = {"--root", (bundle / "state").string(), "--log",
                                      (bundle / "log").string(), "--log-format", "json"},
                        .environment = {},
                        .working_directory = {},
                        .input = {}};
  base::Confinement confinement;
  if (runtime_ == Runtime::kRunc) {
    command.arguments.emplace_back("--rootless=true");  // Cgroups that cannot be written will do.
    confinement.read_only = cgroup_mounts_;
  } else {
    command.arguments.emplace_back("--cgroup-manager=disabled");
    // A hybrid hierarchy is one that crun 1.8 refuses even so.
    if (fs::is_directory(kCgroupFolder)) confinement.hidden = {kCgroupFolder};
  }
  for (const auto& text :
       {std::string("run"), std::string("--bundle"), bundle.string(), bundle.filename().string()}) {
    command.arguments.push_back(text);
  }
  command.confinement = std::move(confinement);
  return command;
}

base::ProcessResult BundleRunner::run(const Container& container, const base::LineSink& on_line,
                                      std::stop_token stop) {
  const base::TempDir bundle(folder_.path(), "container");
  MountPoints points(container.root);
  BundleOptions options{.root = bundle.path() / "root",
                        .mounts = place_mounts(container, bundle.path(), points),
                        .seccomp = seccomp_,
                        .apparmor_profile = apparmor_profile_,
                        .host_name = kHostName};
  base::make_directories(options.root);
  const auto root = container.privileged ? mount_again(container.root, options.root)
                                         : mount_without_devices(container.root, options.root);
  base::write_file_atomically(bundle.path() / "config.json",
                              bundle_config(possible(container), options).dump(), kPrivate);
  auto start = command(bundle.path());
  start.input = container.input.value_or("");
  base::ProcessResult result;
  try {
    result = process_.run(start, on_line, stop);
  } catch (const base::Error& error) {
    const bool stopped = error.code() == base::ErrorCode::kInterrupted;
    throw base::Error({.code = stopped ? error.code() : base::ErrorCode::kBuildStep,
                       .what = fmt::format("{} {}", container.name,
                                           stopped ? "was stopped" : "cannot be started"),
                       .why = stopped ? "" : error.facts().why,
                       .hint = ""});
  }
  if (result.exit_status == 0) return result;
  if (const auto failure = start_failure(bundle.path() / "log")) {
    throw base::Error({.code = base::ErrorCode::kBuildStep,
                       .what = fmt::format("{} cannot be started", container.name),
                       .why = *failure,
                       .hint = ""});
  }
  return result;
}

}  // namespace oci
