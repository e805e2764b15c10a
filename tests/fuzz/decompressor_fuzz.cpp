// SPDX-License-Identifier: Apache-2.0
// Compressed bytes of foreign origin: unpacked or refused; the same however they come; and what is
// taken for gzip is what zlib makes of it.
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "oci/decompressor.hpp"
#include "tests/support/text_source.hpp"

namespace {

constexpr std::size_t kMaxBytes = 4U << 20;

/// Nullopt: refused. `whole` is false when there was more than kMaxBytes.
std::optional<std::string> unpack(const std::string& packed, std::size_t step, std::size_t room,
                                  bool& whole) {
  std::string text;
  whole = true;
  try {
    tests::TextSource source(packed, step);
    oci::Decompressor decompressor(source, "it");
    std::vector<std::byte> buffer(room);
    while (const auto count = decompressor.read(buffer)) {
      text.append(reinterpret_cast<const char*>(buffer.data()), count);
      if (text.size() <= kMaxBytes) continue;
      whole = false;
      break;
    }
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kIntegrity) std::abort();
    return std::nullopt;
  }
  return text;
}

/// What zlib makes of all gzip members; nullopt when it finds fault.
std::optional<std::string> zlib_unpack(std::string packed) {
  constexpr int kGzipWindow = 15 + 16;  // zlib.h, inflateInit2: "add 16 to decode only gzip".
  std::string text;
  std::vector<unsigned char> buffer(64U << 10);
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) std::abort();
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  int status = Z_OK;
  while (status == Z_OK || (status == Z_STREAM_END && stream.avail_in > 0)) {
    if (status == Z_STREAM_END) {
      if (*stream.next_in == 0) break;  // Padding.
      inflateReset(&stream);
    }
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    text.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END) return std::nullopt;
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string packed(reinterpret_cast<const char*>(data), size);
  bool whole = false;
  const auto text = unpack(packed, SIZE_MAX, 64U << 10, whole);
  if (!whole) return 0;
  const auto in_pieces = unpack(packed, 7, 4093, whole);
  if (!whole) return 0;  // Refused only past what the other looked at.
  if (in_pieces != text) std::abort();
  const auto bytes = std::as_bytes(std::span(packed));
  if (text && oci::detect_compression(bytes) == oci::Compression::kGzip) {
    const auto theirs = zlib_unpack(packed);
    if (theirs && *theirs != *text) std::abort();
  }
  return 0;
}
