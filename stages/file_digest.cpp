// SPDX-License-Identifier: Apache-2.0
#include "stages/file_digest.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "stages/file_runs.hpp"
#include "stages/stage.hpp"

namespace stages {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

/// Holes are not read: that would fill memory with empty pages.
void hash_file(oci::Hasher& hasher, const std::filesystem::path& file, const std::stop_token& stop,
               std::span<const FileChange> changes = {}) {
  const auto fd = base::open_for_reading(file);
  std::vector<std::byte> buffer(kBufferBytes);
  for (const auto& run : runs_of(fd.get(), file.string())) {
    bool zero = false;
    for (std::uint64_t done = 0; done < run.bytes;) {
      check_stop(stop);
      const auto wanted = std::min<std::uint64_t>(run.bytes - done, buffer.size());
      if (run.is_hole && !zero) std::fill(buffer.begin(), buffer.end(), std::byte{0});
      const auto count = run.is_hole ? static_cast<ssize_t>(wanted)
                                     : ::pread(fd.get(), buffer.data(), wanted,
                                               static_cast<off_t>(run.offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) base::throw_system_error(errno, fmt::format("cannot read {}", file.string()));
      if (count == 0) return;  // It became shorter.
      const auto piece = std::span(buffer.data(), static_cast<std::size_t>(count));
      zero = !change_piece(piece, run.offset + done, changes);
      hasher.update(piece);
      done += static_cast<std::uint64_t>(count);
    }
  }
}

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    base::throw_system_error(errno, fmt::format("cannot look at {}", path.string()));
  }
  return status;
}

std::vector<std::filesystem::path> names_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void hash_metadata(oci::Hasher& hasher, const std::filesystem::path& folder,
                   const std::filesystem::path& inside) {
  for (const auto& name : names_in(folder)) {
    const auto status = status_of(folder / name);
    const auto path = (inside / name).string();
    hasher.update(fmt::format(
        "{}:{} {:o} {} {} {} {}:{} {}.{} {}.{}\n", path.size(), path, status.st_mode, status.st_uid,
        status.st_gid, status.st_size, status.st_dev, status.st_ino, status.st_mtim.tv_sec,
        status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec));
    if (S_ISDIR(status.st_mode)) hash_metadata(hasher, folder / name, inside / name);
  }
}

void hash_folder(oci::Hasher& hasher, const std::filesystem::path& folder,
                 const std::filesystem::path& inside) {
  for (const auto& name : names_in(folder)) {
    const auto path = folder / name;
    const auto status = status_of(path);
    // Sizes and lengths go in, so that no two trees give the same stream.
    hasher.update(fmt::format("{}:{} {:o} {} {} {} {}.{}\n", (inside / name).string().size(),
                              (inside / name).string(), status.st_mode, status.st_uid,
                              status.st_gid, S_ISREG(status.st_mode) ? status.st_size : 0,
                              S_ISDIR(status.st_mode) ? 0 : status.st_mtim.tv_sec,
                              S_ISDIR(status.st_mode) ? 0 : status.st_mtim.tv_nsec));
    if (S_ISLNK(status.st_mode)) {
      const auto target = std::filesystem::read_symlink(path).string();
      hasher.update(fmt::format("{}:{}", target.size(), target));
    }
    if (S_ISREG(status.st_mode)) hash_file(hasher, path, {});
    if (S_ISDIR(status.st_mode)) hash_folder(hasher, path, inside / name);
  }
}

using HashFolder = void (*)(oci::Hasher&, const std::filesystem::path&,
                            const std::filesystem::path&);

oci::Digest digest_with(HashFolder hash, const std::filesystem::path& folder) {
  oci::Hasher hasher;
  try {
    hash(hasher, folder, {});
  } catch (const std::filesystem::filesystem_error& error) {
    base::throw_system_error(error.code().value(),
                             fmt::format("cannot read the folder {}", folder.string()));
  }
  return hasher.finish();
}

}  // namespace

oci::Digest digest_of_file(const std::filesystem::path& file, const std::stop_token& stop,
                           std::span<const FileChange> changes) {
  oci::Hasher hasher;
  hash_file(hasher, file, stop, changes);
  return hasher.finish();
}

oci::Digest digest_of_folder(const std::filesystem::path& folder) {
  return digest_with(&hash_folder, folder);
}

oci::Digest digest_of_metadata(const std::filesystem::path& folder) {
  return digest_with(&hash_metadata, folder);
}

nlohmann::json identity_of_file(const std::filesystem::path& file) {
  const auto status = status_of(file);
  return {{"size", status.st_size},
          {"inode", status.st_ino},
          {"modified", fmt::format("{}.{:09}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec)},
          {"changed", fmt::format("{}.{:09}", status.st_ctim.tv_sec, status.st_ctim.tv_nsec)}};
}

bool is_same_file(const std::filesystem::path& file, const nlohmann::json& identity) {
  struct stat status {};
  return ::lstat(file.c_str(), &status) == 0 && identity_of_file(file) == identity;
}

nlohmann::json describe_artifact(std::string_view type, const std::filesystem::path& file,
                                 const std::stop_token& stop) {
  return describe_artifact(type, file, digest_of_file(file, stop));
}

nlohmann::json describe_artifact(std::string_view type, const std::filesystem::path& file,
                                 const oci::Digest& digest) {
  return {{"type", type},
          {"path", file.string()},
          {"size", std::filesystem::file_size(file)},
          {"digest", digest.text()},
          {"identity", identity_of_file(file)}};
}

}  // namespace stages
