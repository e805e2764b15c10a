// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "stages/uki/openssl.hpp"

namespace stages::uki {

/// A private key and the certificate that others know it by.
struct SecureBootKey {
  PrivateKey key;
  Certificate certificate;
};

/// A signed update of PK, KEK or db, as firmware enrols it.
struct EnrolmentFile {
  std::string name;  ///< "PK.auth".
  std::string content;
};

/// What signs a unified kernel image and what is enrolled with it. The private keys live in memory
/// alone: neither arguments, nor records, nor artifacts hold them.
struct UkiKeys {
  SecureBootKey secure_boot;             ///< db.key and db.pem.
  PrivateKey pcr;                        ///< tpm2-pcr-private.pem; RSA.
  std::vector<EnrolmentFile> enrolment;  ///< PK.auth, KEK.auth, db.auth.
  std::vector<std::string> warnings;     ///< What will work badly, for people.
};

/// Reads the six files from `folder`. Throws base::Error kManifest naming every file that is not
/// there, is not what its name says, or is locked with a passphrase; and when db.key and db.pem do
/// not belong together.
UkiKeys read_uki_keys(const std::filesystem::path& folder);

/// What tells these keys from others, for a fingerprint: digests of what is public about them.
nlohmann::json identify(const UkiKeys& keys);

/// The public half as PEM (SubjectPublicKeyInfo).
std::string public_key_pem(EVP_PKEY* key);

}  // namespace stages::uki
