// SPDX-License-Identifier: Apache-2.0
#include "oci/decompressor.hpp"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/error.hpp"

namespace oci {
namespace {

constexpr std::size_t kInputBytes = 256U << 10;
constexpr int kMaxZstdWindowLog = 27;  // 128 MiB.
constexpr std::uint8_t kGzipFirstByte = 0x1f;

std::string_view inflate_error(int status) {
  switch (status) {
    case ISAL_INVALID_BLOCK:
      return "invalid block";
    case ISAL_INVALID_SYMBOL:
      return "invalid symbol";
    case ISAL_INVALID_LOOKBACK:
      return "invalid distance";
    case ISAL_INVALID_WRAPPER:
      return "invalid header, or bytes after the end";
    case ISAL_UNSUPPORTED_METHOD:
      return "unsupported method";
    case ISAL_INCORRECT_CHECKSUM:
      return "incorrect checksum or length";
    default:
      return "unknown error";
  }
}

std::uint8_t at(std::span<const std::byte> bytes, std::size_t index) {
  return index < bytes.size() ? std::to_integer<std::uint8_t>(bytes[index]) : 0;
}

}  // namespace

/// The compressed bytes, a buffer at a time.
class Decompressor::Input {
 public:
  Input(ByteSource& source, std::string name)
      : source_(source), name_(std::move(name)), buffer_(kInputBytes) {}

  /// What is there and not consumed, at least one byte; empty at the end.
  std::span<std::byte> available() {
    if (begin_ == end_ && !ended_) {
      begin_ = 0;
      end_ = read_fully(source_, buffer_);
      ended_ = end_ == 0;
    }
    return std::span(buffer_).subspan(begin_, end_ - begin_);
  }
  void consume(std::size_t count) { begin_ += count; }

  [[noreturn]] void fail(std::string why) const {
    throw base::Error({.code = base::ErrorCode::kIntegrity,
                       .what = fmt::format("cannot unpack {}", name_),
                       .why = std::move(why),
                       .hint = ""});
  }

 private:
  ByteSource& source_;
  std::string name_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

class Decompressor::PlainDecoder final : public ByteSource {
 public:
  explicit PlainDecoder(Input& input) : input_(input) {}

  std::size_t read(std::span<std::byte> buffer) override {
    const auto data = input_.available();
    const auto count = std::min(data.size(), buffer.size());
    std::copy_n(data.begin(), count, buffer.begin());
    input_.consume(count);
    return count;
  }

 private:
  Input& input_;
};

class Decompressor::GzipDecoder final : public ByteSource {
 public:
  explicit GzipDecoder(Input& input) : input_(input) { start_member(); }

  std::size_t read(std::span<std::byte> buffer) override {
    const auto room = static_cast<std::uint32_t>(
        std::min<std::size_t>(buffer.size(), std::numeric_limits<std::uint32_t>::max()));
    state_->next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    state_->avail_out = room;
    while (state_->avail_out == room) {
      if (state_->block_state == ISAL_BLOCK_FINISH && !next_member()) return 0;
      step(room);
    }
    return room - state_->avail_out;
  }

 private:
  void start_member() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  /// Between members. False at the end of the blob.
  bool next_member() {
    const auto data = input_.available();
    if (data.empty()) return false;
    if (at(data, 0) == 0) {
      skip_padding();
      return false;
    }
    if (at(data, 0) != kGzipFirstByte)
      input_.fail("there are bytes after the end of the gzip data");
    auto* next_out = state_->next_out;
    const auto room = state_->avail_out;
    start_member();
    state_->next_out = next_out;
    state_->avail_out = room;
    return true;
  }

  /// Tape-block padding, which gzip(1) takes too; what counts is that nothing hides in it.
  void skip_padding() {
    for (auto data = input_.available(); !data.empty(); data = input_.available()) {
      if (std::any_of(data.begin(), data.end(), [](std::byte b) { return b != std::byte{0}; })) {
        input_.fail("there are bytes after the end of the gzip data");
      }
      input_.consume(data.size());
    }
  }

  void step(std::uint32_t room) {
    const auto data = input_.available();
    state_->next_in = reinterpret_cast<std::uint8_t*>(data.data());
    state_->avail_in = static_cast<std::uint32_t>(data.size());
    const int status = isal_inflate(state_.get());
    if (status < 0) input_.fail(fmt::format("the gzip data is damaged: {}", inflate_error(status)));
    input_.consume(data.size() - state_->avail_in);
    const bool stuck = state_->avail_out == room && state_->block_state != ISAL_BLOCK_FINISH;
    if (stuck && data.empty()) input_.fail("the gzip data is cut off");
  }

  Input& input_;
  std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
};

class Decompressor::ZstdDecoder final : public ByteSource {
 public:
  explicit ZstdDecoder(Input& input) : input_(input), context_(ZSTD_createDCtx()) {
    check(context_ ? ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog)
                   : static_cast<std::size_t>(-1));
  }

  std::size_t read(std::span<std::byte> buffer) override {
    ZSTD_outBuffer out{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    while (out.pos == 0) {
      const auto data = input_.available();
      if (data.empty() && at_frame_end_) return 0;
      ZSTD_inBuffer in{.src = data.data(), .size = data.size(), .pos = 0};
      const auto status = check(ZSTD_decompressStream(context_.get(), &out, &in));
      input_.consume(in.pos);
      at_frame_end_ = status == 0;
      if (data.empty() && out.pos == 0 && !at_frame_end_) input_.fail("the zstd data is cut off");
    }
    return out.pos;
  }

 private:
  std::size_t check(std::size_t status) const {
    if (ZSTD_isError(status) != 0) {
      input_.fail(fmt::format("the zstd data is damaged: {}", ZSTD_getErrorName(status)));
    }
    return status;
  }

  Input& input_;
  base::Handle<ZSTD_DCtx, &ZSTD_freeDCtx> context_;
  bool at_frame_end_ = true;
};

std::string_view name_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
  }
  return "none";
}

Compression detect_compression(std::span<const std::byte> start) {
  constexpr std::array<std::uint8_t, 4> kZstd = {0x28, 0xb5, 0x2f, 0xfd};
  constexpr std::array<std::uint8_t, 3> kSkippableTail = {0x2a, 0x4d, 0x18};  // After 0x50..0x5f.
  if (at(start, 0) == kGzipFirstByte && at(start, 1) == 0x8b) return Compression::kGzip;
  const auto matches = [&start](auto magic, std::size_t from) {
    for (std::size_t i = 0; i < magic.size(); ++i) {
      if (at(start, from + i) != magic.at(i)) return false;
    }
    return true;
  };
  const bool skippable = (at(start, 0) & 0xf0U) == 0x50 && matches(kSkippableTail, 1);
  return skippable || matches(kZstd, 0) ? Compression::kZstd : Compression::kNone;
}

Decompressor::Decompressor(ByteSource& compressed, std::string name)
    : input_(std::make_unique<Input>(compressed, std::move(name))),
      compression_(detect_compression(input_->available())) {
  if (input_->available().empty()) input_->fail("it is empty");
  switch (compression_) {
    case Compression::kNone:
      decoder_ = std::make_unique<PlainDecoder>(*input_);
      break;
    case Compression::kGzip:
      decoder_ = std::make_unique<GzipDecoder>(*input_);
      break;
    case Compression::kZstd:
      decoder_ = std::make_unique<ZstdDecoder>(*input_);
      break;
  }
}

Decompressor::~Decompressor() = default;

}  // namespace oci
