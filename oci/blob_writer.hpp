// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "base/handle.hpp"
#include "oci/digest.hpp"
#include "oci/store.hpp"

namespace oci {

/// Where one blob is written and where it ends up.
struct BlobPlace {
  std::filesystem::path partial;
  std::filesystem::path final;
};

/// Writes `place.partial` under its flock and renames it to `place.final`. A partial file of an
/// earlier process is hashed again and continued.
class FileBlobWriter final : public BlobWriter {
 public:
  /// Waits for the lock until `present()` says that another writer finished the blob.
  /// Throws base::Error kInterrupted on `stop`, kIo or kNoSpace.
  FileBlobWriter(Descriptor blob, BlobPlace place, const std::function<bool()>& present,
                 const std::stop_token& stop);

  [[nodiscard]] bool complete() const override { return complete_; }
  [[nodiscard]] std::uint64_t offset() const override { return offset_; }
  void restart() override;
  void write(std::span<const std::byte> data) override;
  void commit() override;

 private:
  bool try_lock();
  void hash_existing(const std::stop_token& stop);
  [[noreturn]] void reject(std::string why);

  Descriptor blob_;
  BlobPlace place_;
  base::FileDescriptor partial_;  ///< Locked while it is open.
  Hasher hasher_;
  std::uint64_t offset_ = 0;
  bool complete_ = false;
};

}  // namespace oci
