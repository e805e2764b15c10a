// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "oci/byte_source.hpp"

namespace oci {

/// What a layer blob is packed with.
enum class Compression { kNone, kGzip, kZstd };

/// "none", "gzip" or "zstd".
std::string_view name_of(Compression compression);

/// Judged by the first bytes; media types lie. What is neither gzip nor zstd is taken as it is: no
/// other decoder is ever let near an image. Source: RFC 1952 and RFC 8878, magic numbers.
Compression detect_compression(std::span<const std::byte> start);

/// Unpacks a blob to its very end: all gzip members (zero padding may follow the last), all zstd
/// frames, skippable ones too; checksums are checked. At most 128 MiB of zstd window.
class Decompressor final : public ByteSource {
 public:
  /// `compressed` must outlive this; `name` is for messages ("layer 2 (sha256:...)").
  Decompressor(ByteSource& compressed, std::string name);
  ~Decompressor() override;
  Decompressor(Decompressor&&) = delete;
  Decompressor& operator=(Decompressor&&) = delete;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  /// Throws base::Error kIntegrity for damaged or cut data, and for bytes after the end.
  std::size_t read(std::span<std::byte> buffer) override { return decoder_->read(buffer); }
  /// Known from the start.
  [[nodiscard]] Compression compression() const { return compression_; }

 private:
  class Input;
  class PlainDecoder;
  class GzipDecoder;
  class ZstdDecoder;

  std::unique_ptr<Input> input_;
  Compression compression_;
  std::unique_ptr<ByteSource> decoder_;
};

}  // namespace oci
