// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "oci/byte_source.hpp"

namespace tests {

/// Gives a text, at most `step` bytes a time.
class TextSource final : public oci::ByteSource {
 public:
  explicit TextSource(std::string text, std::size_t step = SIZE_MAX)
      : text_(std::move(text)), step_(step) {}

  std::size_t read(std::span<std::byte> buffer) override {
    const auto count = std::min({buffer.size(), step_, text_.size() - at_});
    const auto bytes = std::as_bytes(std::span(text_)).subspan(at_, count);
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t step_;
  std::size_t at_ = 0;
};

}  // namespace tests
