// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oci/digest.hpp"

namespace oci {

/// The name of an image in a registry, e.g. `quay.io/kairos/debian:12` or `name@sha256:...`.
/// With tag and digest, the digest rules and the tag is only recorded.
/// Source: distribution-spec, "Pulling manifests" (grammar of <name> and <reference>); the rules
/// for short names are Docker's: no registry means docker.io, one component means library/.
struct Reference {
  std::string
      registry;  ///< Host, with port if one was given: "docker.io", "localhost:5000", "[::1]:5000".
  std::string repository;  ///< "library/debian", never empty.
  std::string tag;         ///< "latest" when neither tag nor digest was given; else as given.
  std::optional<Digest> digest;

  /// Throws base::Error kUsage saying which part is wrong. Never accepts anything outside the
  /// grammar (blanks, shell text, a leading dash).
  static Reference parse(std::string_view text);

  /// registry/repository[:tag][@digest]; parse(text()) gives the same again.
  [[nodiscard]] std::string text() const;
  /// registry/repository.
  [[nodiscard]] std::string name() const { return registry + "/" + repository; }
  /// What /v2/<name>/manifests/<...> is asked for: the digest, else the tag.
  [[nodiscard]] std::string manifest_reference() const { return digest ? digest->text() : tag; }
};

}  // namespace oci
