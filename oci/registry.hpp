// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "oci/manifest.hpp"
#include "oci/reference.hpp"

namespace oci {

/// A manifest or index as the registry has it.
struct ManifestDocument {
  Descriptor descriptor;  ///< Media type as sent, digest computed from `bytes`.
  std::string bytes;
};

/// Takes a blob as it comes.
class BlobSink {
 public:
  virtual ~BlobSink() = default;
  /// Where the next byte belongs: a resumed transfer asks for this offset on.
  [[nodiscard]] virtual std::uint64_t offset() const = 0;
  /// The registry could not resume: everything comes again from 0.
  virtual void restart() = 0;
  virtual void write(std::span<const std::byte> data) = 0;
};

/// Called with the bytes sent since the last call.
using SentBytes = std::function<void(std::uint64_t)>;

/// One or more registries, with credentials already in hand. Thread-safe. Retries what may be
/// retried. Every method throws base::Error: kUnauthorized (401, 403), kNotFound (404), kRegistry,
/// kNetwork, kIntegrity (bytes not as named), kInterrupted on `stop`.
/// Source: OCI distribution-spec.
class Registry {
 public:
  virtual ~Registry() = default;

  /// What the reference stands for now: HEAD, or GET where HEAD is not to be had.
  virtual Descriptor resolve(const Reference& reference, std::stop_token stop) = 0;
  /// The document itself, at most kMaxManifestBytes; checked against reference.digest if there is
  /// one.
  virtual ManifestDocument manifest(const Reference& reference, std::stop_token stop) = 0;
  /// Sends the blob from sink.offset() to its end into `sink`, resuming broken transfers. Does not
  /// check the digest: the sink's owner does. Never more than descriptor.size bytes.
  virtual void fetch_blob(const Reference& repository, const Descriptor& blob, BlobSink& sink,
                          std::stop_token stop) = 0;

  virtual bool has_blob(const Reference& repository, const Descriptor& blob,
                        std::stop_token stop) = 0;
  /// Uploads the file unless the registry has the blob (HEAD) or can mount it from `mount_from` (a
  /// repository name on the same registry, may be empty). Returns false when nothing was sent.
  virtual bool push_blob(const Reference& repository, const Descriptor& blob,
                         const std::filesystem::path& file, const std::string& mount_from,
                         const SentBytes& sent, std::stop_token stop) = 0;
  /// PUT of exactly these bytes under reference.manifest_reference().
  virtual void push_manifest(const Reference& reference, const std::string& media_type,
                             const std::string& bytes, std::stop_token stop) = 0;
};

}  // namespace oci
