// SPDX-License-Identifier: Apache-2.0
#include "oci/compressor.hpp"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.hpp"
#include "oci/parallel.hpp"

namespace oci {
namespace {

constexpr std::size_t kPieceBytes = 1U << 20;
constexpr std::size_t kBatchBytes = 8 * kPieceBytes;
constexpr std::uint32_t kLevel = 3;
// No name, no time, unknown system: nothing that differs from one machine to the next.
constexpr std::array<std::uint8_t, 10> kHeader = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
constexpr std::array<std::uint8_t, 2> kLastBlock = {3, 0};  // Empty, and the last.

template <std::size_t kCount>
std::span<const std::byte> as_bytes(const std::array<std::uint8_t, kCount>& bytes) {
  return std::as_bytes(std::span(bytes));
}

std::array<std::uint8_t, 4> little_endian(std::uint32_t number) {
  return {static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(number >> 8U),
          static_cast<std::uint8_t>(number >> 16U), static_cast<std::uint8_t>(number >> 24U)};
}

bool is_zeros(std::span<const std::byte> bytes) {
  return bytes.front() == std::byte{0} &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// Deflate blocks of one piece, ended at a byte's border so that others can follow.
std::vector<std::byte> deflate_piece(std::span<const std::byte> piece) {
  std::vector<std::uint8_t> level_buffer(ISAL_DEF_LVL3_DEFAULT);
  std::vector<std::byte> out(piece.size() + piece.size() / 16 + 4096);
  isal_zstream stream{};
  isal_deflate_stateless_init(&stream);
  stream.level = kLevel;
  stream.level_buf = level_buffer.data();
  stream.level_buf_size = static_cast<std::uint32_t>(level_buffer.size());
  stream.gzip_flag = IGZIP_DEFLATE;
  stream.flush = FULL_FLUSH;
  stream.end_of_stream = 0;
  // ISA-L does not write to its input.
  stream.next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(piece.data()));
  stream.avail_in = static_cast<std::uint32_t>(piece.size());
  stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
  stream.avail_out = static_cast<std::uint32_t>(out.size());
  const int status = isal_deflate_stateless(&stream);
  if (status != COMP_OK || stream.avail_in != 0) {
    throw base::Error({.code = base::ErrorCode::kInternal,
                       .what = "cannot compress a layer",
                       .why = "ISA-L gave up",
                       .hint = ""});
  }
  out.resize(stream.total_out);
  return out;
}

/// A disk is mostly empty, and all empty pieces are alike.
std::vector<std::byte> deflate(std::span<const std::byte> piece) {
  static const auto zeros = deflate_piece(std::vector<std::byte>(kPieceBytes));
  return piece.size() == kPieceBytes && is_zeros(piece) ? zeros : deflate_piece(piece);
}

}  // namespace

GzipCompressor::GzipCompressor(ByteOutput output, unsigned threads)
    : output_(std::move(output)), threads_(threads) {
  pending_.reserve(kBatchBytes);
  output_(as_bytes(kHeader));
}

void GzipCompressor::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const auto part = data.first(std::min(data.size(), kBatchBytes - pending_.size()));
    pending_.insert(pending_.end(), part.begin(), part.end());
    data = data.subspan(part.size());
    if (pending_.size() == kBatchBytes) flush();
  }
}

void GzipCompressor::flush() {
  const auto pieces = (pending_.size() + kPieceBytes - 1) / kPieceBytes;
  std::vector<std::vector<std::byte>> made(pieces);
  for_each_parallel(pieces, threads_, {}, [&](std::size_t index, const std::stop_token&) {
    const auto rest = std::span(pending_).subspan(index * kPieceBytes);
    made[index] = deflate(rest.first(std::min(rest.size(), kPieceBytes)));
  });
  crc_ = ::crc32_gzip_refl(crc_, reinterpret_cast<const unsigned char*>(pending_.data()),
                           pending_.size());
  bytes_ += pending_.size();
  pending_.clear();
  for (const auto& piece : made) output_(piece);
}

void GzipCompressor::finish() {
  flush();
  output_(as_bytes(kLastBlock));
  output_(as_bytes(little_endian(crc_)));
  output_(as_bytes(little_endian(static_cast<std::uint32_t>(bytes_))));
}

}  // namespace oci
