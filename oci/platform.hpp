// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace oci {

/// os/architecture[/variant] in Go's names. Source: OCI image-spec, image-index.md, "platform".
struct Platform {
  std::string os = "linux";
  std::string architecture;  ///< "amd64", "arm64", ...
  std::string variant;       ///< "v8", "" ...

  /// What this program runs on.
  static Platform host();
  /// "amd64", "linux/arm64", "linux/arm64/v8". Throws base::Error kUsage.
  static Platform parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  /// Whether an image for `offered` serves a wish for this platform; arm64 is arm64/v8.
  [[nodiscard]] bool accepts(const Platform& offered) const;
  /// How well it does so: 0 not at all, 2 with just the variant wished for (none is one too), 1
  /// with another where none was wished for.
  [[nodiscard]] int fit(const Platform& offered) const;
  friend bool operator==(const Platform&, const Platform&) = default;
};

}  // namespace oci
