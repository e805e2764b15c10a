// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/volumes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/files.hpp"

namespace orchestrator {
namespace {

constexpr int kDefaultMode = 0644;  // Source: core/v1 SecretVolumeSource, defaultMode.

[[noreturn]] void refuse(std::string what, std::string why, std::string hint) {
  throw base::Error({.code = base::ErrorCode::kManifest,
                     .what = std::move(what),
                     .why = std::move(why),
                     .hint = std::move(hint)});
}

bool stays_inside(const std::filesystem::path& path) {
  if (path.empty() || path.is_absolute()) return false;
  for (const auto& part : path) {
    if (part == "..") return false;
  }
  return true;
}

void set_time(const std::filesystem::path& path, std::int64_t seconds) {
  const timespec time{.tv_sec = seconds, .tv_nsec = 0};
  const std::array<timespec, 2> times = {time, time};
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0) {
    base::throw_system_error(errno, fmt::format("cannot set the time of {}", path.string()));
  }
}

}  // namespace

std::map<std::string, std::filesystem::path> parse_volume_flags(
    const std::vector<std::string>& flags) {
  std::map<std::string, std::filesystem::path> volumes;
  for (const auto& flag : flags) {
    const auto equals = flag.find('=');
    const auto fail = [&](std::string why) {
      throw base::Error({.code = base::ErrorCode::kUsage,
                         .what = fmt::format("--volume {} cannot be used", flag),
                         .why = std::move(why),
                         .hint = "write --volume NAME=DIR"});
    };
    if (equals == std::string::npos || equals == 0) fail("there is no NAME= in it");
    const auto folder = std::filesystem::path(flag.substr(equals + 1));
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) fail(folder.string() + " is not a folder");
    if (!volumes.emplace(flag.substr(0, equals), std::filesystem::absolute(folder)).second) {
      fail("the name is given twice");
    }
  }
  return volumes;
}

VolumeFolders::VolumeFolders(Session& session, const manifest::Documents& documents,
                             const SecretFinder& secrets)
    : session_(session),
      documents_(documents),
      secrets_(secrets),
      flags_(parse_volume_flags(session.options().volumes)) {}

std::filesystem::path VolumeFolders::folder(const manifest::OSArtifact& artifact,
                                            const std::string& name, const std::string& field) {
  if (const auto flag = flags_.find(name); flag != flags_.end()) return flag->second;
  const auto* volume = artifact.find_volume(name);
  const auto what = fmt::format("volume '{}' of OSArtifact '{}' ({})", name, artifact.name, field);
  if (volume == nullptr) refuse(what + " is not in spec.volumes", "", "add it, or give --volume");
  const auto key = fmt::format("{}/{}/{}", artifact.namespace_, artifact.name, name);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  return known_.emplace(key, find(artifact, *volume, what)).first->second;
}

std::filesystem::path VolumeFolders::own_folder(const manifest::OSArtifact& artifact,
                                                const manifest::Volume& volume,
                                                const std::string& field) {
  if (const auto flag = flags_.find(volume.name); flag != flags_.end()) return flag->second;
  const auto key =
      fmt::format("{}/{}/{}/{}", artifact.namespace_, artifact.name, field, volume.name);
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  const auto what =
      fmt::format("volume '{}' of OSArtifact '{}' ({})", volume.name, artifact.name, field);
  return known_.emplace(key, find(artifact, volume, what)).first->second;
}

std::filesystem::path VolumeFolders::find(const manifest::OSArtifact& artifact,
                                          const manifest::Volume& volume, const std::string& what) {
  switch (volume.kind) {
    case manifest::Volume::Kind::kHostPath: {
      std::error_code error;
      if (std::filesystem::is_directory(volume.host_path, error)) return volume.host_path;
      refuse(what + " cannot be used", fmt::format("{} is not a folder here", volume.host_path),
             fmt::format("make it, or give --volume {}=DIR", volume.name));
    }
    case manifest::Volume::Kind::kSecret:
    case manifest::Volume::Kind::kConfigMap: {
      const auto files = files_of(artifact, volume, what);
      const auto root = make_folder();
      write_files(volume, files, what, root);
      return root;
    }
    case manifest::Volume::Kind::kProjected:
      return make_projected(artifact, volume, what);
    case manifest::Volume::Kind::kEmptyDir: {
      // As a kubelet makes it: for whoever the containers run as.
      auto root = make_folder();
      std::filesystem::permissions(root, std::filesystem::perms::all);
      return root;
    }
    case manifest::Volume::Kind::kOther:
      break;
  }
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = what + " cannot be used",
                     .why = fmt::format("a {} needs a cluster", volume.source),
                     .hint = fmt::format("give its content with --volume {}=DIR", volume.name)});
}

bool VolumeFolders::is_made(const std::filesystem::path& folder) const {
  return std::any_of(made_.begin(), made_.end(), [&](const base::TempDir& made) {
    return made.path() == folder.parent_path();
  });
}

void VolumeFolders::settle_times(std::int64_t since, std::int64_t epoch) const {
  namespace fs = std::filesystem;
  for (const auto& folder : made_) {
    for (const auto& entry : fs::recursive_directory_iterator(folder.path())) {
      struct stat status {};
      if (::lstat(entry.path().c_str(), &status) != 0) continue;
      if (status.st_mtim.tv_sec >= since) set_time(entry.path(), epoch);
    }
  }
}

VolumeFolders::Files VolumeFolders::files_of(const manifest::OSArtifact& artifact,
                                             const manifest::Volume& volume,
                                             const std::string& what) const {
  if (volume.kind == manifest::Volume::Kind::kSecret) {
    const auto values = secrets_.all_values(artifact, volume.object_name);
    if (values || volume.optional) return values.value_or(Files{});
    refuse(what + " cannot be used", fmt::format("there is no secret '{}'", volume.object_name),
           "put the Secret beside the OSArtifact, or give --secrets DIR");
  }
  const auto* map = documents_.find_config_map(artifact.namespace_, volume.object_name);
  if (map == nullptr && !volume.optional) {
    refuse(what + " cannot be used",
           fmt::format("there is no ConfigMap '{}' beside it", volume.object_name),
           "put the ConfigMap beside the OSArtifact");
  }
  Files files;
  if (map == nullptr) return files;
  for (const auto& [key, value] : map->data) files.emplace(key, base::Secret(value));
  return files;
}

std::filesystem::path VolumeFolders::make_projected(const manifest::OSArtifact& artifact,
                                                    const manifest::Volume& volume,
                                                    const std::string& what) {
  const auto root = make_folder();
  for (const auto& source : volume.projected) {
    auto part = volume;
    part.kind =
        source.is_secret ? manifest::Volume::Kind::kSecret : manifest::Volume::Kind::kConfigMap;
    part.object_name = source.object_name;
    part.items = source.items;
    part.optional = source.optional;
    write_files(part, files_of(artifact, part, what), what, root);
  }
  return root;
}

std::filesystem::path VolumeFolders::make_folder() {
  // Whoever a container runs as may enter it; what it lies in is ours alone.
  made_.push_back(session_.store().make_temp_dir("volume"));
  const auto root = made_.back().path() / "volume";
  base::make_directories(root);
  return root;
}

void VolumeFolders::write_files(const manifest::Volume& volume, const Files& files,
                                const std::string& what, const std::filesystem::path& root) {
  auto items = volume.items;
  if (items.empty()) {
    for (const auto& [key, value] : files) items.push_back({.key = key, .path = key, .mode = {}});
  }
  for (const auto& item : items) {
    const auto found = files.find(item.key);
    if (found == files.end()) {
      if (volume.optional) continue;
      refuse(what + " cannot be used", fmt::format("there is no key '{}'", item.key), "");
    }
    if (!stays_inside(item.path)) {
      refuse(what + " cannot be used", fmt::format("the path '{}' leaves the volume", item.path),
             "");
    }
    const auto file = root / item.path;
    base::make_directories(file.parent_path());
    const auto mode = item.mode.value_or(volume.default_mode.value_or(kDefaultMode));
    base::write_file_atomically(file, found->second.reveal(), static_cast<unsigned>(mode));
    set_time(file, 0);  // The same manifest gives the same artifact.
  }
}

}  // namespace orchestrator
