// SPDX-License-Identifier: Apache-2.0
#include "stages/dockerfile/run_mounts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include "base/error.hpp"
#include "oci/copy_tree.hpp"
#include "oci/digest.hpp"
#include "oci/rooted_directory.hpp"
#include "stages/dockerfile/rooted_folders.hpp"

namespace stages::dockerfile {
namespace {

namespace fs = std::filesystem;
using Kind = RunMount::Kind;

constexpr std::chrono::milliseconds kLockPoll{50};
constexpr mode_t kCacheMode = 0755;
constexpr mode_t kSecretMode = 0400;
constexpr mode_t kProgramMode = 0755;
constexpr int kMaxPrivateCaches = 1000;

[[noreturn]] void fail(base::ErrorCode code, std::string what, std::string why = "",
                       std::string hint = "") {
  throw base::Error(
      {.code = code, .what = std::move(what), .why = std::move(why), .hint = std::move(hint)});
}

std::string base_name(std::string_view path) {
  const auto names = oci::clean_path(path);
  return names.empty() ? "" : names.back();
}

bool is_folder(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

/// A new file of ours with an owner and a mode that umask does not touch.
void write_file(const fs::path& path, std::string_view content, mode_t mode, uid_t user,
                gid_t group) {
  const base::FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) base::throw_system_error(errno, fmt::format("cannot write {}", path.string()));
  base::write_all(fd.get(), std::as_bytes(std::span(content)), path.string());
  if (::fchown(fd.get(), user, group) != 0 || ::fchmod(fd.get(), mode) != 0) {
    base::throw_system_error(errno, fmt::format("cannot set the owner of {}", path.string()));
  }
}

void set_owner(const fs::path& folder, const RunMount& mount) {
  if (::chown(folder.c_str(), mount.user.value_or(0), mount.group.value_or(0)) != 0 ||
      ::chmod(folder.c_str(), mount.mode.value_or(kCacheMode)) != 0) {
    base::throw_system_error(errno, fmt::format("cannot set the owner of {}", folder.string()));
  }
}

}  // namespace

RunMounts::RunMounts(Options options)
    : options_(std::move(options)), folder_(options_.context.store.make_temp_dir("mounts")) {}

void RunMounts::add(const RunMount& mount) {
  switch (mount.kind) {
    case Kind::kBind:
      return add_bind(mount);
    case Kind::kCache:
      return add_cache(mount);
    case Kind::kTmpfs:
      mounts_.push_back({.kind = oci::ContainerMount::Kind::kTmpfs,
                         .source = {},
                         .target = target_of(mount, ""),
                         .read_only = mount.read_only,
                         .bytes = mount.bytes});
      return;
    case Kind::kSecret:
      return add_secret(mount);
    case Kind::kSsh:
      return add_ssh(mount);
  }
}

void RunMounts::add_program(const Heredoc& program) {
  const auto folder = new_folder("program");
  write_file(folder / base_name(program.name), program.content, kProgramMode, 0, 0);
  mounts_.push_back({.source = folder, .target = "/dev/pipes", .read_only = true});
}

std::string RunMounts::target_of(const RunMount& mount, const std::string& fallback) const {
  auto target = mount.target.empty() ? fallback : mount.target;
  if (!target.starts_with('/')) target = options_.working_directory + "/" + target;
  const auto names = oci::clean_path(target);
  if (names.empty()) {
    fail(base::ErrorCode::kManifest, "nothing can be mounted at /", "",
         "name a folder with target=");
  }
  return "/" + oci::join(names);
}

fs::path RunMounts::new_folder(std::string_view name) {
  auto folder = folder_.path() / fmt::format("{}-{}", name, ++count_);
  base::make_directories(folder);
  return folder;
}

fs::path RunMounts::hold(const fs::path& root, const std::string& path) {
  const auto root_fd = base::open_for_reading(root);
  const auto found = oci::RootedDirectory(root_fd.get(), root.string()).try_open(path, O_PATH);
  if (!found) {
    fail(base::ErrorCode::kBuildStep, fmt::format("there is no '{}' to be mounted", path),
         std::generic_category().message(errno));
  }
  const auto name = fmt::format("/proc/self/fd/{}", found.get());
  if (!options_.may_mount) return fs::read_symlink(name);
  auto at = new_folder("held");
  if (!is_folder(found.get())) {
    at /= "file";
    write_file(at, "", 0600, 0, 0);
  }
  held_.push_back(oci::mount_bind(name, at));
  return at;
}

fs::path RunMounts::writable_copy(const fs::path& source) {
  if (!fs::is_directory(source)) {
    auto copy = new_folder("copy") / "file";
    fs::copy_file(source, copy);
    return copy;
  }
  auto folder = new_folder("copy");
  if (!options_.may_mount) {
    oci::copy_tree(source, folder);
    return folder;
  }
  for (const auto* name : {"upper", "work", "merged"}) base::make_directories(folder / name);
  held_.push_back(oci::mount_overlay(
      {.lower = {source}, .upper = folder / "upper", .work = folder / "work"}, folder / "merged"));
  return folder / "merged";
}

void RunMounts::add_bind(const RunMount& mount) {
  const auto& root = mount.from.empty() ? options_.build_context : options_.root_of(mount.from);
  if (root.empty()) {
    fail(base::ErrorCode::kBuildStep, "there is no build context to be mounted", "",
         "name a folder as the context, or a stage with from=");
  }
  auto source = hold(root, mount.source);
  if (!mount.read_only) source = writable_copy(source);
  mounts_.push_back(
      {.source = source, .target = target_of(mount, ""), .read_only = mount.read_only});
}

fs::path RunMounts::open_cache(const RunMount& mount) {
  auto& store = options_.context.store;
  const bool alone = mount.sharing != RunMount::Sharing::kShared;
  for (int number = 0;; ++number) {
    const auto identity = oci::Digest::of(fmt::format("cache mount {} {}", number, mount.id));
    const auto folder = store.result_folder(identity);
    if (alone) {
      auto lock = base::FileLock::try_acquire(folder.string() + ".lock");
      if (!lock) {
        stages::check_stop(options_.stop);
        const bool another = mount.sharing == RunMount::Sharing::kPrivate;
        if (!another || number == kMaxPrivateCaches) {
          std::this_thread::sleep_for(kLockPoll);
          number = -1;
        }
        continue;
      }
      locks_.push_back(std::move(*lock));
    }
    if (!fs::is_directory(folder)) {
      auto made = store.make_temp_dir("cache");
      if (!mount.from.empty()) {
        oci::copy_tree(hold(options_.root_of(mount.from), mount.source), made.path());
      }
      if (mount.from.empty() || mount.mode || mount.user || mount.group) {
        set_owner(made.path(), mount);
      }
      if (::rename(made.path().c_str(), folder.c_str()) == 0) {
        made.release();
      } else if (errno != EEXIST && errno != ENOTEMPTY) {
        base::throw_system_error(errno, fmt::format("cannot make {}", folder.string()));
      }
    }
    return folder;
  }
}

void RunMounts::add_cache(const RunMount& mount) {
  const auto folder = open_cache(mount);
  auto source = folder;
  if (mount.from.empty() && !mount.source.empty()) {
    // Those who ran before may have put anything there: it leads no higher than the cache.
    make_folder_in(folder, mount.source, {});
    source = hold(folder, mount.source);
  }
  mounts_.push_back(
      {.source = source, .target = target_of(mount, ""), .read_only = mount.read_only});
}

fs::path RunMounts::secret_folder() {
  if (!secrets_.empty()) return secrets_;
  secrets_ = new_folder("secrets");
  if (options_.may_mount) held_.push_back(oci::mount_memory(secrets_));
  return secrets_;
}

void RunMounts::add_secret(const RunMount& mount) {
  const auto& secrets = options_.build.secrets;
  const auto found = std::find_if(secrets.begin(), secrets.end(),
                                  [&](const BuildSecret& secret) { return secret.id == mount.id; });
  if (found == secrets.end()) {
    if (!mount.required) return;
    fail(base::ErrorCode::kBuildStep, fmt::format("the secret '{}' is required", mount.id),
         "the build was given none of that id", fmt::format("--secret id={},src=FILE", mount.id));
  }
  if (mount.env) environment_.push_back(*mount.env + "=" + found->value.reveal());
  if (mount.env && mount.target.empty()) return;
  const auto file = secret_folder() / fmt::format("{}", ++count_);
  write_file(file, found->value.reveal(), mount.mode.value_or(kSecretMode), mount.user.value_or(0),
             mount.group.value_or(0));
  mounts_.push_back({.source = file,
                     .target = target_of(mount, "/run/secrets/" + base_name(mount.id)),
                     .read_only = true});
}

void RunMounts::add_ssh(const RunMount& mount) {
  const auto id = mount.id.empty() ? std::string("default") : mount.id;
  const auto found = options_.build.ssh.find(id);
  if (found == options_.build.ssh.end()) {
    if (!mount.required) return;
    fail(base::ErrorCode::kBuildStep, fmt::format("the ssh agent '{}' is required", id),
         "the build was given none of that id", fmt::format("--ssh {}", id));
  }
  const auto target = target_of(mount, fmt::format("/run/buildkit/ssh_agent.{}", count_));
  mounts_.push_back({.source = found->second, .target = target, .read_only = true});
  environment_.push_back("SSH_AUTH_SOCK=" + target);
  ++count_;
}

}  // namespace stages::dockerfile
