// SPDX-License-Identifier: Apache-2.0
#include "oci/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/error.hpp"
#include "oci/blob_writer.hpp"
#include "oci/layout_index.hpp"
#include "oci/store_paths.hpp"

namespace oci {
namespace {

constexpr std::string_view kVersion = "1\n";
constexpr std::size_t kSmallFileBytes = 4096;
constexpr std::chrono::hours kPartialLife{24 * 7};
constexpr std::array kFolders = {"blobs/sha256", "blobs/sha512", "snapshots",
                                 "results",      "leases",       "tmp"};

std::filesystem::path made(std::filesystem::path root) {
  base::make_directories(root / "tmp");
  return root;
}

void write_if_missing(const std::filesystem::path& path, std::string_view content) {
  if (!std::filesystem::exists(path)) base::write_file_atomically(path, content);
}

bool is_older_than(const std::filesystem::path& path, std::chrono::seconds age) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return false;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::seconds(status.st_mtim.tv_sec) + age < now;
}

/// Removes the folder of a session unless its process lives, which is to say holds its lock. What
/// cannot go now (somebody's mount is in it) is no reason not to work; the next start tries again.
void sweep_session(const std::filesystem::path& folder) {
  try {
    if (base::FileLock::try_acquire(folder / "lock")) base::remove_tree(folder);
  } catch (const base::Error&) {
    return;
  }
}

}  // namespace

Store::Store(std::filesystem::path root) : root_(made(std::move(root))), session_(open_session()) {}

Store::~Store() = default;

Store::Session Store::open_session() {
  const auto opening = base::FileLock::acquire(root_ / kStoreLock);
  prepare();
  sweep();
  base::TempDir folder(root_ / "tmp", kSessionPrefix);
  auto lock = base::FileLock::acquire(folder.path() / "lock");
  return {.lock = std::move(lock), .folder = std::move(folder)};
}

/// Every step may be repeated: a process killed halfway leaves work for the next one.
void Store::prepare() {
  const auto version = base::read_file_if_exists(root_ / kStoreVersionFile, kSmallFileBytes);
  if (version && *version != kVersion) {
    throw base::Error(
        {.code = base::ErrorCode::kManifest,
         .what = fmt::format("cannot use the store {}", root_.string()),
         .why = fmt::format("it is of version {:.20}, and this program knows version {}", *version,
                            kVersion),
         .hint = "use the program that made it, or another folder with --store"});
  }
  if (version) return;
  for (const auto* folder : kFolders) base::make_directories(root_ / folder);
  write_if_missing(root_ / "oci-layout", kLayoutFile);
  write_if_missing(root_ / "index.json", kEmptyLayoutIndex);
  base::write_file_atomically(root_ / kStoreVersionFile, kVersion);
}

void Store::sweep() {
  for (const auto& entry : std::filesystem::directory_iterator(root_ / "tmp")) {
    const auto name = entry.path().filename().string();
    if (entry.is_directory() && name.starts_with(kSessionPrefix)) sweep_session(entry.path());
    if (name.ends_with(kPartialSuffix) && is_older_than(entry.path(), kPartialLife)) {
      ::unlink(entry.path().c_str());
    }
  }
}

base::TempDir Store::make_temp_dir(std::string_view prefix) const {
  return base::TempDir(session_.folder.path(), prefix);
}

std::filesystem::path Store::blob_path(const Digest& digest) const {
  return root_ / "blobs" / digest.algorithm() / digest.hex();
}

std::filesystem::path Store::partial_path(const Digest& digest) const {
  return root_ / "tmp" / fmt::format("{}-{}{}", digest.algorithm(), digest.hex(), kPartialSuffix);
}

bool Store::contains(const Descriptor& blob) const {
  struct stat status {};
  return ::lstat(blob_path(blob.digest).c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         static_cast<std::uint64_t>(status.st_size) == blob.size;
}

base::FileDescriptor Store::open_blob(const Digest& digest) const {
  const auto path = blob_path(digest);
  const auto what = fmt::format("cannot open blob {}", path.string());
  base::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) {
    throw base::Error({.code = base::ErrorCode::kNotFound,
                       .what = what,
                       .why = "the store does not have it",
                       .hint = "pull the image again"});
  }
  if (!fd && errno != ELOOP) base::throw_system_error(errno, what);
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = what,
                       .why = "it is not a plain file",
                       .hint = "remove it, and find out who put it there"});
  }
  return fd;
}

base::FileDescriptor Store::open_arriving_blob(const Digest& digest) const {
  base::FileDescriptor fd(
      ::open(partial_path(digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  return fd ? std::move(fd) : open_blob(digest);
}

std::optional<std::string> Store::read_blob(const Digest& digest, std::size_t limit) const {
  struct stat status {};
  const auto path = blob_path(digest);
  if (::lstat(path.c_str(), &status) != 0 && errno == ENOENT) return std::nullopt;
  auto bytes = base::read_all(open_blob(digest).get(), limit, path.string());
  Hasher hasher(digest.algorithm());
  hasher.update(bytes);
  if (hasher.finish() == digest) return bytes;
  ::unlink(path.c_str());
  return std::nullopt;
}

Digest Store::put_blob(std::string_view bytes, std::string_view algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  const auto digest = hasher.finish();
  const Descriptor blob{.media_type = "",
                        .digest = digest,
                        .size = bytes.size(),
                        .annotations = {},
                        .platform = std::nullopt,
                        .urls = {}};
  const auto writer = write_blob(blob, {});
  writer->restart();
  writer->write(std::as_bytes(std::span(bytes)));
  writer->commit();
  return digest;
}

std::unique_ptr<BlobWriter> Store::write_blob(const Descriptor& blob, const std::stop_token& stop) {
  const auto& digest = blob.digest;
  BlobPlace place{.partial = partial_path(digest), .final = blob_path(digest)};
  return std::make_unique<FileBlobWriter>(
      blob, std::move(place), [this, &blob] { return contains(blob); }, stop);
}

void Store::remove_blob(const Digest& digest) {
  const auto path = blob_path(digest);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    base::throw_system_error(errno, fmt::format("cannot remove {}", path.string()));
  }
}

}  // namespace oci
