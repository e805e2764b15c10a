// SPDX-License-Identifier: Apache-2.0
#include "oci/zstd_compressor.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/handle.hpp"

namespace oci {
namespace {

std::size_t check(std::size_t result) {
  if (::ZSTD_isError(result) == 0) return result;
  throw base::Error({.code = base::ErrorCode::kInternal,
                     .what = "cannot compress with zstd",
                     .why = ::ZSTD_getErrorName(result),
                     .hint = ""});
}

}  // namespace

class ZstdCompressor::Implementation {
 public:
  Implementation(ByteOutput output, int level, unsigned threads)
      : output_(std::move(output)),
        context_(::ZSTD_createCCtx()),
        buffer_(::ZSTD_CStreamOutSize()) {
    if (!context_) {
      throw base::Error({.code = base::ErrorCode::kInternal,
                         .what = "cannot compress with zstd",
                         .why = "out of memory",
                         .hint = ""});
    }
    const auto set = [&](ZSTD_cParameter parameter, int value) {
      check(::ZSTD_CCtx_setParameter(context_.get(), parameter, value));
    };
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_checksumFlag, 1);
    // One worker already cuts the stream into the same jobs as many do; none would not.
    set(ZSTD_c_nbWorkers, static_cast<int>(std::max(1U, threads)));
  }

  void write(std::span<const std::byte> data) {
    ::ZSTD_inBuffer input{.src = data.data(), .size = data.size(), .pos = 0};
    while (input.pos < input.size) step(input, ZSTD_e_continue);
  }

  void finish() {
    ::ZSTD_inBuffer nothing{.src = nullptr, .size = 0, .pos = 0};
    while (step(nothing, ZSTD_e_end) != 0) continue;
  }

 private:
  std::size_t step(::ZSTD_inBuffer& input, ::ZSTD_EndDirective directive) {
    ::ZSTD_outBuffer out{.dst = buffer_.data(), .size = buffer_.size(), .pos = 0};
    const auto left = check(::ZSTD_compressStream2(context_.get(), &out, &input, directive));
    if (out.pos > 0) output_(std::span(buffer_.data(), out.pos));
    return left;
  }

  ByteOutput output_;
  base::Handle<ZSTD_CCtx, &::ZSTD_freeCCtx> context_;
  std::vector<std::byte> buffer_;
};

ZstdCompressor::ZstdCompressor(ByteOutput output, int level, unsigned threads)
    : implementation_(std::make_unique<Implementation>(std::move(output), level, threads)) {}

ZstdCompressor::~ZstdCompressor() = default;

void ZstdCompressor::write(std::span<const std::byte> data) { implementation_->write(data); }

void ZstdCompressor::finish() { implementation_->finish(); }

}  // namespace oci
