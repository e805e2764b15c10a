// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.hpp"

namespace stages::uki {

using PrivateKey = base::Handle<EVP_PKEY, &::EVP_PKEY_free>;
using Certificate = base::Handle<X509, &::X509_free>;
using Bio = base::Handle<BIO, &::BIO_free>;
using Pkcs7 = base::Handle<PKCS7, &::PKCS7_free>;

/// OpenSSL's own words for what failed last in this thread; its queue is empty then.
std::string openssl_reason();

/// Throws base::Error kArtifactTool with openssl_reason().
[[noreturn]] void throw_openssl(std::string what);

/// A BIO that reads `bytes`, which must outlive it.
Bio memory_bio(std::string_view bytes);

/// Digest of `bytes`; `algorithm` is an OpenSSL name: "sha1", "sha256", "sha384", "sha512".
std::string digest(const char* algorithm, std::string_view bytes);

/// A digest of what comes in pieces.
class StreamDigest {
 public:
  explicit StreamDigest(const char* algorithm);
  void update(std::string_view bytes);
  /// The raw digest. Call once.
  std::string finish();

 private:
  base::Handle<EVP_MD_CTX, &::EVP_MD_CTX_free> context_;
};

/// "0a1b", lower case.
std::string hex(std::string_view bytes);

}  // namespace stages::uki
