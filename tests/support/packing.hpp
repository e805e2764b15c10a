// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tests {

/// One gzip member (zlib). `level` 0 stores.
std::string gzip(std::string_view text, int level = 6);
/// One zstd frame with a checksum.
std::string zstd(std::string_view text);

}  // namespace tests
