// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace oci {

/// An image in files, as skopeo spells it. Source: containers-transports(5).
struct ImageLocation {
  enum class Format {
    kOciLayout,      ///< oci:DIR[:NAME]
    kOciArchive,     ///< oci-archive:FILE[:NAME]
    kDockerArchive,  ///< docker-archive:FILE[:REFERENCE]
  };
  Format format = Format::kOciLayout;
  std::filesystem::path path;
  std::string name;  ///< Which of the images there, or what it is called; may be empty.

  /// Nullopt when `text` starts with none of the three words. Throws base::Error kUsage when the
  /// path is missing.
  static std::optional<ImageLocation> parse(std::string_view text);
  /// parse(text()) gives the same again.
  [[nodiscard]] std::string text() const;
};

}  // namespace oci
