// SPDX-License-Identifier: Apache-2.0
#include "orchestrator/volumes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

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

/// The same bytes give the same time, so that the same manifest gives the same artifact.
void set_fixed_time(const std::filesystem::path& path) {
  const std::array<timespec, 2> times{};
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
  switch (volume->kind) {
    case manifest::Volume::Kind::kHostPath: {
      std::error_code error;
      if (std::filesystem::is_directory(volume->host_path, error)) return volume->host_path;
      refuse(what + " cannot be used", fmt::format("{} is not a folder here", volume->host_path),
             fmt::format("make it, or give --volume {}=DIR", name));
    }
    case manifest::Volume::Kind::kSecret: {
      const auto values = secrets_.all_values(artifact, volume->object_name);
      if (values || volume->optional) return write(*volume, values.value_or(Files{}), what);
      refuse(what + " cannot be used", fmt::format("there is no secret '{}'", volume->object_name),
             "put the Secret beside the OSArtifact, or give --secrets DIR");
    }
    case manifest::Volume::Kind::kConfigMap: {
      const auto* map = documents_.find_config_map(artifact.namespace_, volume->object_name);
      if (map == nullptr && !volume->optional) {
        refuse(what + " cannot be used",
               fmt::format("there is no ConfigMap '{}' beside it", volume->object_name),
               "put the ConfigMap beside the OSArtifact");
      }
      Files files;
      if (map != nullptr) {
        for (const auto& [key, value] : map->data) files.emplace(key, base::Secret(value));
      }
      return write(*volume, files, what);
    }
    case manifest::Volume::Kind::kEmptyDir:
      return write(*volume, {}, what);
    case manifest::Volume::Kind::kOther:
      break;
  }
  throw base::Error({.code = base::ErrorCode::kUnsupported,
                     .what = what + " cannot be used",
                     .why = fmt::format("a {} needs a cluster", volume->source),
                     .hint = fmt::format("give its content with --volume {}=DIR", name)});
}

std::filesystem::path VolumeFolders::write(const manifest::Volume& volume, const Files& files,
                                           const std::string& what) {
  made_.push_back(session_.store().make_temp_dir("volume"));
  const auto& root = made_.back().path();
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
    set_fixed_time(file);
  }
  return root;
}

}  // namespace orchestrator
