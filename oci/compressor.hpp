// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "oci/tar_stream.hpp"

namespace oci {

/// Compresses a stream with gzip (one member, RFC 1952; ISA-L), pieces of 1 MiB at a time side by
/// side. The same bytes give the same output, whatever the number of threads.
class GzipCompressor {
 public:
  /// `threads`: at least 1.
  GzipCompressor(ByteOutput output, unsigned threads);

  void write(std::span<const std::byte> data);
  /// Call once, after all is written.
  void finish();

 private:
  void flush();

  ByteOutput output_;
  unsigned threads_;
  std::vector<std::byte> pending_;
  std::uint32_t crc_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace oci
