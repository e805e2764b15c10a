// SPDX-License-Identifier: Apache-2.0
#include "oci/chroot_runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/temp_dir.hpp"
#include "oci/capabilities.hpp"
#include "oci/device_nodes.hpp"
#include "oci/mount_points.hpp"
#include "oci/stand_in.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr int kFilteredSeccomp = 2;  // Source: PR_GET_SECCOMP of prctl(2).
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

[[noreturn]] void fail(const Container& container, std::string why, std::string hint = "") {
  throw base::Error({.code = base::ErrorCode::kBuildStep,
                     .what = fmt::format("{} cannot be started", container.name),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

std::string path_variable(const Container& container) {
  constexpr std::string_view kName = "PATH=";
  for (const auto& entry : container.environment) {
    if (entry.starts_with(kName)) return entry.substr(kName.size());
  }
  return kDefaultPath;
}

bool is_executable(const MountPoints& points, const std::string& path) {
  const fs::path resolved = points.resolve(path);
  const auto folder = points.open_folder(resolved.parent_path());
  struct stat status {};
  return folder &&
         ::fstatat(folder.get(), resolved.filename().c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(status.st_mode) && (status.st_mode & 0111U) != 0;
}

/// The program as a path inside the root, its last link not followed: busybox looks at the name.
std::string find_inside(const Container& container, const MountPoints& points) {
  const auto& name = container.arguments.at(0);
  if (name.find('/') != std::string::npos) return name;
  const auto variable = path_variable(container);
  std::string_view rest = variable;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto folder = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    if (!folder.starts_with('/')) continue;
    auto path = fmt::format("{}/{}", folder, name);
    if (is_executable(points, path)) return path;
  }
  fail(container, fmt::format("there is no program '{}' in its PATH, {}", name, variable));
}

base::Confinement confinement_of(const Container& container) {
  auto without = container;
  if (!container.privileged) {
    for (const auto* name : {"SYS_CHROOT", "MKNOD"}) without.drop_capabilities.emplace_back(name);
  }
  base::Confinement confinement;
  confinement.kind = base::Confinement::Kind::kChroot;
  confinement.root = fs::canonical(container.root);
  confinement.working_directory = container.working_directory;
  confinement.user = container.user;
  confinement.group = container.group;
  confinement.groups = container.groups;
  confinement.capabilities = capability_bits(capabilities_of(without));
  confinement.no_new_privileges = container.no_new_privileges && !container.privileged;
  return confinement;
}

/// Copies of the host's own files, which the container may change.
std::vector<ContainerMount> host_files() {
  std::vector<ContainerMount> mounts;
  for (const auto* path : {"/etc/resolv.conf", "/etc/hosts"}) {
    std::error_code error;
    const auto source = fs::canonical(path, error);
    if (error || !fs::is_regular_file(source, error)) continue;
    mounts.push_back({.kind = ContainerMount::Kind::kBind,
                      .source = source,
                      .target = path,
                      .read_only = true,
                      .bytes = 0});
  }
  return mounts;
}

/// The container's mounts, all of them standing; undone in reverse.
class StandIns {
 public:
  StandIns(const Container& container, MountPoints& points) {
    auto mounts = host_files();
    mounts.insert(mounts.end(), container.mounts.begin(), container.mounts.end());
    for (auto& mount : mounts) {
      if (fs::is_socket(mount.source)) {
        fail(container,
             fmt::format("{} is a socket, which nothing but a mount can show it",
                         mount.source.string()),
             "run where runc works");
      }
      const bool folder =
          mount.kind == ContainerMount::Kind::kTmpfs || fs::is_directory(mount.source);
      const auto kind = folder ? MountPoints::Kind::kFolder : MountPoints::Kind::kFile;
      mount.target = points.add(mount.target, kind);
      standing_.emplace_back(std::make_unique<StandIn>(points, mount));
    }
  }
  StandIns(const StandIns&) = delete;
  StandIns& operator=(const StandIns&) = delete;
  StandIns(StandIns&&) = delete;
  StandIns& operator=(StandIns&&) = delete;
  ~StandIns() {
    while (!standing_.empty()) standing_.pop_back();
  }

  void finish() {
    for (; !standing_.empty(); standing_.pop_back()) standing_.back()->finish();
  }

 private:
  std::vector<std::unique_ptr<StandIn>> standing_;
};

}  // namespace

std::string ChrootRunner::description() const {
  return "chroot: no namespaces, the processes and the network of this machine; mounts are copies";
}

std::vector<std::string> ChrootRunner::weaknesses() const {
  if (::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == kFilteredSeccomp) return {};
  return {"containers run by chroot alone: neither namespaces nor a seccomp filter hold them"};
}

base::ProcessResult ChrootRunner::run(const Container& container, const base::LineSink& on_line,
                                      std::stop_token stop) {
  if (!container.network) {
    fail(container, "it is to have no network, and chroot alone cannot take it away",
         "run where runc works, or allow it the network");
  }
  MountPoints points(container.root);
  for (const auto* folder : {"/proc", "/dev", "/sys"}) {
    points.add(folder, MountPoints::Kind::kFolder);
  }
  const DeviceNodes devices(points);
  StandIns mounts(container, points);
  base::Command command{.program = find_inside(container, points),
                        .arguments = {container.arguments.begin() + 1, container.arguments.end()},
                        .environment = container.environment,
                        .working_directory = {},
                        .input = container.input.value_or(""),
                        .confinement = confinement_of(container)};
  base::ProcessResult result;
  try {
    result = process_.run(command, on_line, stop);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kInterrupted) fail(container, error.facts().why);
    throw base::Error({.code = error.code(),
                       .what = fmt::format("{} was stopped", container.name),
                       .why = "",
                       .hint = ""});
  }
  mounts.finish();
  return result;
}

}  // namespace oci
