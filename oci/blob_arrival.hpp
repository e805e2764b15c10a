// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "oci/byte_source.hpp"
#include "oci/manifest.hpp"
#include "oci/store.hpp"

namespace oci {

/// How much of a blob is in the store.
struct BlobArrival {
  std::uint64_t bytes = 0;  ///< That can be read.
  bool whole = false;       ///< All of it, in its place.
  bool fetched = false;     ///< It came just now, and its digest was checked at the end.
};

/// Waits until more than `offset` bytes of a blob are in the store, or it is whole; nullopt when
/// they will not come.
using BlobReady = std::function<std::optional<BlobArrival>(
    const Descriptor& blob, std::uint64_t offset, const std::stop_token& stop)>;

/// Reads a blob while it is on its way into the store. Nothing vouches for its bytes but what the
/// caller checks at the end.
class ArrivingBlob final : public ByteSource {
 public:
  /// All must outlive this. `name` is for messages. `ready` empty: the blob is in the store.
  ArrivingBlob(const Store& store, const Descriptor& blob, const std::string& name,
               const BlobReady& ready, std::stop_token stop);
  /// Throws base::Error kInterrupted when the rest will not come, kNotFound, kIo.
  std::size_t read(std::span<std::byte> buffer) override;

  /// Whether who fetches it checks its digest; otherwise it was in the store before.
  [[nodiscard]] bool is_fetched() const { return is_fetched_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }  ///< Bytes read.

 private:
  BlobArrival wait();

  const Store& store_;
  const Descriptor& blob_;
  const std::string& name_;
  const BlobReady& ready_;
  std::stop_token stop_;
  base::FileDescriptor fd_;
  std::uint64_t offset_ = 0;
  bool is_fetched_ = false;
};

}  // namespace oci
