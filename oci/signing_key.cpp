// SPDX-License-Identifier: Apache-2.0
#include "oci/signing_key.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/handle.hpp"
#include "base/secret.hpp"
#include "oci/digest.hpp"

namespace oci {
namespace {

using Bio = base::Handle<BIO, &::BIO_free>;
using Context = base::Handle<EVP_MD_CTX, &::EVP_MD_CTX_free>;

constexpr std::size_t kMaxKeyBytes = 64U << 10U;

/// There is nobody to ask for a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return 0; }

[[noreturn]] void complain(const std::filesystem::path& file, std::string_view wanted,
                           const std::string& text) {
  const bool locked = text.find("ENCRYPTED") != std::string::npos;
  const bool other_half =
      text.find(wanted == "private" ? "PUBLIC KEY" : "PRIVATE KEY") != std::string::npos;
  std::string why = fmt::format("it holds no {} key in PEM", wanted);
  if (other_half) why += wanted == "private" ? ", but a public one" : ", but a private one";
  if (locked) why = "the key is locked with a passphrase";
  throw base::Error({.code = base::ErrorCode::kUsage,
                     .what = fmt::format("cannot use the key {}", file.string()),
                     .why = std::move(why),
                     .hint =
                         "openssl ecparam -name prime256v1 -genkey -noout -out sign.pem makes a "
                         "private one, openssl pkey -in sign.pem -pubout its public half"});
}

const EVP_MD* digest_for(const EVP_PKEY* key) {
  return ::EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? nullptr : ::EVP_sha256();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string public_bytes(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = ::i2d_PUBKEY(key, &der);
  if (length < 0) return "";
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  ::OPENSSL_free(der);
  return bytes;
}

std::shared_ptr<EVP_PKEY> shared(EVP_PKEY* key) { return {key, &::EVP_PKEY_free}; }

}  // namespace

SigningKey::SigningKey(std::shared_ptr<EVP_PKEY> key)
    : key_(std::move(key)),
      name_("SHA256:" + std::string(Digest::of(public_bytes(key_.get())).hex())) {}

SigningKey SigningKey::read_private(const std::filesystem::path& file) {
  auto text = base::read_file(file, kMaxKeyBytes);
  const Bio bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  auto* key = ::PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr);
  if (key == nullptr) {
    const auto first_line = text.substr(0, text.find('\n'));
    base::wipe(text);
    complain(file, "private", first_line);
  }
  base::wipe(text);
  return SigningKey(shared(key));
}

SigningKey SigningKey::read_public(const std::filesystem::path& file) {
  const auto text = base::read_file(file, kMaxKeyBytes);
  const Bio bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  auto* key = ::PEM_read_bio_PUBKEY(bio.get(), nullptr, &no_passphrase, nullptr);
  if (key == nullptr) complain(file, "public", text.substr(0, text.find('\n')));
  return SigningKey(shared(key));
}

std::string SigningKey::sign(std::string_view data) const {
  const Context context(::EVP_MD_CTX_new());
  std::size_t length = 0;
  std::string signature;
  if (::EVP_DigestSignInit(context.get(), nullptr, digest_for(key_.get()), nullptr, key_.get()) ==
          1 &&
      ::EVP_DigestSign(context.get(), nullptr, &length, bytes_of(data), data.size()) == 1) {
    signature.resize(length);
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    if (::EVP_DigestSign(context.get(), out, &length, bytes_of(data), data.size()) == 1) {
      signature.resize(length);
      return signature;
    }
  }
  throw base::Error({.code = base::ErrorCode::kInternal,
                     .what = "cannot sign",
                     .why = fmt::format("the key {} does not do it", name_),
                     .hint = ""});
}

bool SigningKey::verifies(std::string_view data, std::string_view signature) const {
  const Context context(::EVP_MD_CTX_new());
  return ::EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key_.get()), nullptr,
                                key_.get()) == 1 &&
         ::EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(data),
                            data.size()) == 1;
}

}  // namespace oci
