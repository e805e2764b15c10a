// SPDX-License-Identifier: Apache-2.0
#include "stages/uki/openssl.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>

#include "base/error.hpp"

namespace stages::uki {

std::string openssl_reason() {
  const auto code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("OpenSSL error {:x}", code);
}

void throw_openssl(std::string what) {
  throw base::Error({.code = base::ErrorCode::kArtifactTool,
                     .what = std::move(what),
                     .why = openssl_reason(),
                     .hint = ""});
}

Bio memory_bio(std::string_view bytes) {
  Bio bio(::BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (!bio) throw_openssl("cannot read from memory");
  return bio;
}

StreamDigest::StreamDigest(const char* algorithm) : context_(::EVP_MD_CTX_new()) {
  const auto* type = ::EVP_get_digestbyname(algorithm);
  if (!context_ || type == nullptr || ::EVP_DigestInit_ex(context_.get(), type, nullptr) != 1) {
    throw_openssl(fmt::format("cannot compute {}", algorithm));
  }
}

void StreamDigest::update(std::string_view bytes) {
  if (::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
    throw_openssl("cannot compute a digest");
  }
}

std::string StreamDigest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned length = 0;
  if (::EVP_DigestFinal_ex(context_.get(), value.data(), &length) != 1) {
    throw_openssl("cannot compute a digest");
  }
  return {reinterpret_cast<const char*>(value.data()), length};
}

std::string digest(const char* algorithm, std::string_view bytes) {
  StreamDigest digest(algorithm);
  digest.update(bytes);
  return digest.finish();
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char character : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(character));
  }
  return text;
}

}  // namespace stages::uki
