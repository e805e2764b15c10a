// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace base {

/// Takes known secrets out of texts that others write, such as the output of a build step.
class Mask {
 public:
  /// Shorter secrets are not masked: they would take common words out of every line.
  static constexpr std::size_t kShortest = 4;

  Mask() = default;
  /// Each secret is masked as a whole, and line by line.
  explicit Mask(const std::vector<Secret>& secrets);

  /// `text` with "***" in place of each secret.
  [[nodiscard]] std::string apply(std::string_view text) const;
  /// The same error with masked texts.
  [[nodiscard]] Error apply(const Error& error) const;

 private:
  void add(std::string_view secret);

  std::vector<Secret> secrets_;  // The longest first: one may be part of another.
};

}  // namespace base
