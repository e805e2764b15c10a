// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "oci/byte_source.hpp"
#include "oci/store.hpp"

namespace oci {

/// A blob of the store to be read once, to its end, where its digest is checked: a corrupt one is
/// removed from the store and base::Error kIntegrity thrown. Throws kInterrupted on `stop`.
class BlobExport final : public ByteSource {
 public:
  BlobExport(Store& store, Descriptor blob, std::stop_token stop);
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  Store& store_;
  Descriptor blob_;
  std::stop_token stop_;
  FileSource file_;
  HashingSource hashed_;
  bool ended_ = false;
};

/// Fills a blob of the store from `source`, unless it is complete. Throws as BlobWriter does, and
/// kInterrupted.
void copy_blob(ByteSource& source, BlobWriter& writer, const std::stop_token& stop);

}  // namespace oci
