// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.hpp"
#include "base/handle.hpp"
#include "base/temp_dir.hpp"
#include "oci/digest.hpp"
#include "oci/manifest.hpp"

namespace oci {

/// A blob on its way into the store: `tmp/<digest>.partial`, locked while it is written, kept when
/// the writing process dies, so that the next one goes on from offset().
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  /// Another process finished this blob while we waited for its lock: nothing to write.
  [[nodiscard]] virtual bool complete() const = 0;
  /// Bytes that are there already, hashed; where the transfer goes on.
  [[nodiscard]] virtual std::uint64_t offset() const = 0;
  /// Throws away what is there: the next write is at 0.
  virtual void restart() = 0;
  /// Appends. Throws base::Error kIntegrity once there are more bytes than the descriptor says.
  virtual void write(std::span<const std::byte> data) = 0;
  /// Checks size and digest, syncs, and renames into place. On a mismatch the partial file is
  /// removed and base::Error kIntegrity thrown, naming the digest expected and found.
  virtual void commit() = 0;
};

/// Images on disk: an OCI image layout (`oci-layout`, `index.json`, `blobs/`) that other tools can
/// read, with `snapshots/ results/ leases/ tmp/` beside it. Everything appears by rename. Several
/// processes may share it; thread-safe. Source: OCI image-spec, image-layout.md.
class Store {
 public:
  /// Opens or makes the store at `root`, sweeps what dead processes left in tmp/ (partial blobs
  /// stay for a week). Throws base::Error: kIo, or kManifest for a store of an unknown version.
  explicit Store(std::filesystem::path root);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  Store(Store&&) = delete;
  Store& operator=(Store&&) = delete;

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  /// On the store's file system, private, swept when we die; for what is renamed into place later.
  [[nodiscard]] base::TempDir make_temp_dir(std::string_view prefix) const;

  // Blobs.
  [[nodiscard]] bool contains(const Descriptor& blob) const;  ///< By name and size.
  [[nodiscard]] std::filesystem::path blob_path(const Digest& digest) const;
  /// For reading. Throws base::Error kNotFound when it is missing, kIntegrity when it is anything
  /// but a plain file (a symlink could lead to any file of the host).
  [[nodiscard]] base::FileDescriptor open_blob(const Digest& digest) const;
  /// The same for a blob that may be on its way still: what is there of it.
  [[nodiscard]] base::FileDescriptor open_arriving_blob(const Digest& digest) const;
  /// The whole blob, digest checked. A corrupt one is removed and reads as nullopt, as does a
  /// missing.
  [[nodiscard]] std::optional<std::string> read_blob(const Digest& digest, std::size_t limit) const;
  /// Writes a small blob whose bytes are at hand; returns its digest, sha256 or sha512.
  Digest put_blob(std::string_view bytes, std::string_view algorithm = "sha256");
  /// Waits while another process writes the same blob.
  std::unique_ptr<BlobWriter> write_blob(const Descriptor& blob, const std::stop_token& stop);
  void remove_blob(const Digest& digest);

  // Names (`index.json`, annotation org.opencontainers.image.ref.name).
  /// Names `manifest`; the name is taken from whatever had it before.
  void tag(std::string_view name, const Descriptor& manifest);
  [[nodiscard]] std::optional<Descriptor> find(std::string_view name) const;

  // Results of stages, by fingerprint: `results/<hex>.json`, and a folder of files beside it.
  [[nodiscard]] std::optional<nlohmann::json> result(const Digest& fingerprint) const;
  void put_result(const Digest& fingerprint, const nlohmann::json& record);
  /// `results/<hex>.d`, where a stage's files live; not made here.
  [[nodiscard]] std::filesystem::path result_folder(const Digest& fingerprint) const;

  struct Usage {
    std::uint64_t blobs = 0;  ///< Bytes on disk, each.
    std::uint64_t snapshots = 0;
    std::uint64_t results = 0;
    std::uint64_t partial = 0;
  };
  [[nodiscard]] Usage usage() const;
  /// While it lives, prune frees nothing of this store (shared lock on `leases/lock`).
  [[nodiscard]] base::FileLock lease() const;
  struct Pruned {
    std::uint64_t bytes = 0;
    std::uint64_t items = 0;
  };
  /// Removes blobs no name needs, snapshots, results and partial blobs; `all` removes names too.
  /// Throws base::Error kIo when another process holds a lease.
  Pruned prune(bool all);
  /// Re-reads every blob; removes those that are not what their name says and returns them.
  std::vector<Digest> verify(const std::stop_token& stop);

 private:
  /// The folder of all our temporary folders, and the lock that tells others that we live.
  struct Session {
    base::FileLock lock;
    base::TempDir folder;
  };
  [[nodiscard]] std::filesystem::path partial_path(const Digest& digest) const;
  Session open_session();
  void prepare();
  void sweep();

  std::filesystem::path root_;
  Session session_;
};

}  // namespace oci
