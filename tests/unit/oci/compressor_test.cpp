// SPDX-License-Identifier: Apache-2.0
#include "oci/compressor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "oci/decompressor.hpp"
#include "tests/support/text_source.hpp"

namespace {

std::string compress(const std::string& text, unsigned threads, std::size_t step) {
  std::string out;
  oci::GzipCompressor gzip(
      [&](std::span<const std::byte> data) {
        out.append(reinterpret_cast<const char*>(data.data()), data.size());
      },
      threads);
  for (std::size_t at = 0; at < text.size(); at += step) {
    gzip.write(std::as_bytes(std::span(text)).subspan(at, std::min(step, text.size() - at)));
  }
  gzip.finish();
  return out;
}

std::string decompress(const std::string& packed, std::size_t limit) {
  tests::TextSource source(packed);
  oci::Decompressor decompressor(source, "the test's gzip");
  std::string text(limit + 1, '\0');
  text.resize(oci::read_fully(decompressor, std::as_writable_bytes(std::span(text))));
  return text;
}

/// Half of it can be made smaller.
std::string sample(std::size_t bytes) {
  std::mt19937 random(7);
  std::string text(bytes, 'a');
  for (std::size_t i = 0; i < bytes; ++i) {
    if (i / 1000 % 2 == 0) text[i] = static_cast<char>(random());
  }
  return text;
}

}  // namespace

TEST(GzipCompressor, WhatItPacksIsUnpackedAsItWas) {
  for (const std::size_t bytes : {0U, 1U, 1000U, 1U << 20U, (9U << 20U) + 17U}) {
    const auto text = sample(bytes);
    const auto packed = compress(text, 3, 77777);

    EXPECT_TRUE(decompress(packed, bytes) == text) << bytes;
    EXPECT_LE(packed.size(), bytes < 1U << 20U ? bytes + 200 : bytes * 3 / 4) << bytes;
  }
}

TEST(GzipCompressor, TheNumberOfThreadsDoesNotShow) {
  const auto text = sample(20U << 20U);

  EXPECT_TRUE(compress(text, 1, 1U << 20U) == compress(text, 4, 12345));
}

TEST(GzipCompressor, WhatCannotBeMadeSmallerHardlyGrows) {
  std::mt19937 random(1);
  std::string text(3U << 20U, '\0');
  for (auto& byte : text) byte = static_cast<char>(random());

  EXPECT_LE(compress(text, 2, text.size()).size(), text.size() + text.size() / 100);
}
