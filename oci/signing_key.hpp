// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace oci {

/// A key of a signature: ECDSA or RSA (PKCS #1 v1.5) over SHA-256, or Ed25519; what cosign signs
/// and verifies with. Thread-safe.
class SigningKey {
 public:
  /// A private key in PEM, without a passphrase. Throws base::Error kUsage saying what the file is
  /// instead, or kIo.
  static SigningKey read_private(const std::filesystem::path& file);
  /// A public key in PEM (SubjectPublicKeyInfo, "BEGIN PUBLIC KEY"). Throws as read_private().
  static SigningKey read_public(const std::filesystem::path& file);

  /// The signature of `data`, raw. Only of a private key. Throws base::Error kInternal.
  [[nodiscard]] std::string sign(std::string_view data) const;
  /// Whether `signature` is one of `data` by this key.
  [[nodiscard]] bool verifies(std::string_view data, std::string_view signature) const;
  /// "SHA256:hex" of the public half in DER: how people tell keys apart.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  explicit SigningKey(std::shared_ptr<EVP_PKEY> key);

  std::shared_ptr<EVP_PKEY> key_;
  std::string name_;
};

}  // namespace oci
