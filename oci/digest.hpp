// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/types.h>

#include <compare>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace oci {

/// A content digest, `sha256:<64 hex>` or `sha512:<128 hex>`, always lower case and well formed.
/// Source: OCI image-spec, descriptor.md, "Digests".
class Digest {
 public:
  /// nullopt unless `text` is a registered algorithm's well-formed digest.
  static std::optional<Digest> parse(std::string_view text);
  /// The sha256 of `data`.
  static Digest of(std::string_view data);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view algorithm() const { return std::string_view(text_).substr(0, 6); }
  [[nodiscard]] std::string_view hex() const { return std::string_view(text_).substr(7); }
  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  friend class Hasher;
  explicit Digest(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// Computes a digest of a stream, piece by piece (OpenSSL).
class Hasher {
 public:
  /// `algorithm`: "sha256" or "sha512".
  explicit Hasher(std::string_view algorithm = "sha256");
  Hasher(Hasher&&) noexcept = default;
  Hasher& operator=(Hasher&&) noexcept = default;
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  ~Hasher() = default;

  void update(std::span<const std::byte> data);
  void update(std::string_view data) { update(std::as_bytes(std::span(data))); }
  /// Ends the stream. Call once.
  Digest finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept;
  };
  std::string algorithm_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace oci
