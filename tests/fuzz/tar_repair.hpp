// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

namespace tests {

/// Gives every record that says it is a ustar or GNU header the checksum it should have: what a
/// fuzzer changes in a header would be seen for nothing but that otherwise.
inline std::string with_right_checksums(std::string tar) {
  constexpr std::size_t kRecord = 512;
  constexpr std::size_t kSum = 148;
  constexpr std::size_t kSumBytes = 8;
  constexpr std::size_t kMagic = 257;
  for (std::size_t at = 0; at + kRecord <= tar.size(); at += kRecord) {
    if (tar.compare(at + kMagic, 5, "ustar") != 0) continue;
    tar.replace(at + kSum, kSumBytes, kSumBytes, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < kRecord; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    char text[kSumBytes];
    std::snprintf(text, sizeof text, "%06o", sum);  // The seventh byte ends it, the last is blank.
    tar.replace(at + kSum, kSumBytes - 1, text, kSumBytes - 1);
  }
  return tar;
}

}  // namespace tests
