// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "oci/tar_stream.hpp"

namespace oci {

/// Compresses a stream with zstd (one frame with a checksum, RFC 8878; libzstd). The same bytes and
/// level give the same output, whatever the number of threads.
class ZstdCompressor {
 public:
  /// `threads`: at least 1. Throws base::Error kInternal when libzstd refuses a parameter.
  ZstdCompressor(ByteOutput output, int level, unsigned threads);
  ~ZstdCompressor();
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;
  ZstdCompressor(ZstdCompressor&&) = delete;
  ZstdCompressor& operator=(ZstdCompressor&&) = delete;

  void write(std::span<const std::byte> data);
  /// Call once, after all is written.
  void finish();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace oci
