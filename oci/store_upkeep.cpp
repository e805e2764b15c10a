// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "oci/layout_index.hpp"
#include "oci/store.hpp"
#include "oci/store_paths.hpp"

namespace oci {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = 1U << 20;
constexpr std::uint64_t kBlockBytes = 512;  // The unit of st_blocks, see stat(2).

/// Bytes on disk of `path` and all below it; a file with several links counts once.
class DiskUsage {
 public:
  std::uint64_t of(const fs::path& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return 0;
    if (!S_ISDIR(status.st_mode)) return of_inode(status);
    auto bytes = of_inode(status);
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      bytes += of(entry->path());
    }
    return bytes;
  }

 private:
  std::uint64_t of_inode(const struct stat& status) {
    const bool shared = !S_ISDIR(status.st_mode) && status.st_nlink > 1;
    if (shared && !seen_.emplace(status.st_dev, status.st_ino).second) return 0;
    return static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
  }

  std::set<std::pair<dev_t, ino_t>> seen_;
};

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  return entries;
}

std::vector<fs::path> partials_of(const fs::path& root) {
  auto entries = entries_of(root / "tmp");
  std::erase_if(entries, [](const fs::path& path) { return path.extension() != kPartialSuffix; });
  return entries;
}

/// All blobs of the store that are named as a digest.
std::vector<Digest> blobs_of(const fs::path& root) {
  std::vector<Digest> blobs;
  for (const auto& folder : entries_of(root / "blobs")) {
    for (const auto& path : entries_of(folder)) {
      const auto text = folder.filename().string() + ":" + path.filename().string();
      if (const auto digest = Digest::parse(text)) blobs.push_back(*digest);
    }
  }
  return blobs;
}

/// What the names of the store lead to, directly or through indexes and manifests.
class Reachable {
 public:
  explicit Reachable(const Store& store) : store_(store) {}

  void add(const Descriptor& descriptor) {
    if (!digests_.insert(descriptor.digest).second) return;
    if (is_index(descriptor.media_type)) {
      if (const auto text = store_.read_blob(descriptor.digest, kMaxManifestBytes)) {
        for (const auto& child : parse_index(*text, "", descriptor.digest.text()).manifests) {
          add(child);
        }
      }
    } else if (is_manifest(descriptor.media_type)) {
      if (const auto text = store_.read_blob(descriptor.digest, kMaxManifestBytes)) {
        const auto manifest = parse_manifest(*text, "", descriptor.digest.text());
        digests_.insert(manifest.config.digest);
        for (const auto& layer : manifest.layers) digests_.insert(layer.digest);
      }
    }
  }
  [[nodiscard]] bool contains(const Digest& digest) const { return digests_.contains(digest); }

 private:
  const Store& store_;
  std::set<Digest> digests_;
};

/// Whether the bytes of `fd` have `digest`; nullopt when told to stop.
std::optional<bool> has_digest(int fd, const Digest& digest, const std::stop_token& stop) {
  Hasher hasher(digest.algorithm());
  std::vector<std::byte> buffer(kReadBytes);
  while (!stop.stop_requested()) {
    const auto count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      base::throw_system_error(errno, fmt::format("cannot read blob {}", digest.text()));
    }
    if (count == 0) return hasher.finish() == digest;
    hasher.update(std::span(buffer).first(static_cast<std::size_t>(count)));
  }
  return std::nullopt;
}

}  // namespace

Store::Usage Store::usage() const {
  Usage usage{.blobs = DiskUsage().of(root_ / "blobs"),
              .snapshots = DiskUsage().of(root_ / "snapshots"),
              .results = DiskUsage().of(root_ / "results"),
              .partial = 0};
  for (const auto& path : partials_of(root_)) usage.partial += DiskUsage().of(path);
  return usage;
}

base::FileLock Store::lease() const {
  return base::FileLock::acquire(root_ / kLeaseLock, /*shared=*/true);
}

Store::Pruned Store::prune(bool all) {
  const auto alone = base::FileLock::try_acquire(root_ / kLeaseLock);
  if (!alone) {
    throw base::Error({.code = base::ErrorCode::kIo,
                       .what = fmt::format("cannot prune the store {}", root_.string()),
                       .why = "another process is using it",
                       .hint = "try again when its builds are done"});
  }
  const auto index_lock = base::FileLock::acquire(root_ / kIndexLock);
  const auto index_path = root_ / "index.json";
  if (all) base::write_file_atomically(index_path, kEmptyLayoutIndex);
  Reachable reachable(*this);
  const auto index = base::read_file(index_path, kMaxLayoutIndexBytes);
  for (const auto& manifest : parse_index(index, "", index_path.string()).manifests) {
    reachable.add(manifest);
  }

  auto doomed = partials_of(root_);
  for (const auto& digest : blobs_of(root_)) {
    if (!reachable.contains(digest)) doomed.push_back(blob_path(digest));
  }
  for (const auto* folder : {"snapshots", "results"}) {
    for (auto& path : entries_of(root_ / folder)) doomed.push_back(std::move(path));
  }
  Pruned pruned;
  for (const auto& path : entries_of(root_ / "tmp")) {
    if (path.extension() == kSnapshotLockSuffix) fs::remove(path);  // Nobody holds it: no leases.
  }
  for (const auto& path : doomed) {
    pruned.bytes += DiskUsage().of(path);
    pruned.items += 1;
    base::remove_tree(path);
  }
  return pruned;
}

std::vector<Digest> Store::verify(const std::stop_token& stop) {
  std::vector<Digest> corrupt;
  for (const auto& digest : blobs_of(root_)) {
    const base::FileDescriptor fd(
        ::open(blob_path(digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd && errno == ENOENT) continue;  // Another process removed it meanwhile.
    if (!fd && errno != ELOOP) {
      base::throw_system_error(errno, fmt::format("cannot open blob {}", digest.text()));
    }
    const auto good = fd ? has_digest(fd.get(), digest, stop) : std::optional(false);
    if (!good) {
      throw base::Error({.code = base::ErrorCode::kInterrupted,
                         .what = fmt::format("stopped while checking {}", root_.string()),
                         .why = "",
                         .hint = ""});
    }
    if (*good) continue;
    remove_blob(digest);
    corrupt.push_back(digest);
  }
  return corrupt;
}

}  // namespace oci
